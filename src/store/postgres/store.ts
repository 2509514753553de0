import type { Args, OperationName, Result, Store, Watch } from "../contract.ts";
import { MIGRATIONS } from "../migrations/list.ts";
import type { Operation } from "../operation.ts";
import { registry } from "../registry.ts";
import { unavailable } from "../unavailable.ts";
import { Watches } from "../watch.ts";
import { Crowd } from "./crowd.ts";
import { isLost, toPosternError } from "./fault.ts";
import { Lanes } from "./lanes.ts";
import { Listener } from "./listener.ts";
import { prepare } from "./open.ts";
import { Sessions } from "./pool.ts";
import { retried } from "./retry.ts";
import type { DatabaseTarget } from "./target.ts";
import { read, write, type Job } from "./transaction.ts";

export interface PostgresStoreOptions {
  readonly target: DatabaseTarget;
  /** Operations that may wait; default 10,000. */
  readonly mostWaiting?: number;
  /** 0 to 1, for the waits between attempts. Default `Math.random`. */
  readonly random?: () => number;
}

/** Connections at most, beside one that listens. */
const WRITERS = 8;
const READERS = 4;
/** Milliseconds that a write waits for its turn; the sender of a mail is told something within 30 s. */
const PATIENCE = 20_000;

/**
 * The store on PostgreSQL, for any number of processes on one database. A write is durable when its promise resolves, and
 * later reads see it, also those of other processes. Keeps the process alive until `close`.
 *
 * Throws `invalid_config` when the server cannot be used or is too old, or when newer code wrote the database.
 */
export async function createPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  await prepare(options.target, MIGRATIONS);
  const store = new PostgresStore(options);
  try {
    await store.start();
    return store;
  } catch (error) {
    await store.close();
    throw toPosternError(error);
  }
}

class PostgresStore implements Store {
  readonly #watches = new Watches();
  readonly #crowd = new Crowd(WRITERS, PATIENCE);
  readonly #lanes = new Lanes(PATIENCE);
  readonly #writers: Sessions;
  readonly #readers: Sessions;
  readonly #listener: Listener;
  readonly #mostWaiting: number;
  readonly #random: () => number;
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | null = null;

  constructor({ target, mostWaiting, random }: PostgresStoreOptions) {
    this.#mostWaiting = mostWaiting ?? 10_000;
    this.#random = random ?? Math.random;
    const own = new Set<number>();
    this.#writers = new Sessions(target, "write", WRITERS, own);
    this.#readers = new Sessions(target, "read", READERS, own);
    this.#listener = new Listener({
      target,
      own,
      onTouched: (keys) => this.#watches.touched(keys),
      onGap: () => this.#watches.touchAll(),
    });
  }

  start(): Promise<void> {
    return this.#listener.start();
  }

  async run<K extends OperationName>(name: K, args: Args<K>): Promise<Result<K>> {
    if (this.#closed !== null) throw unavailable("the store is closed");
    if (this.#running.size >= this.#mostWaiting) throw unavailable("too many operations are waiting");
    const job: Job = { name, args };
    const { kind, about }: Operation<K> = registry[name];
    return (await (kind === "write" ? this.#write(job, about?.(args)) : this.#read(job))) as Result<K>;
  }

  watch(key: string, timeoutMs: number): Watch {
    return this.#watches.watch(key, timeoutMs);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #write(job: Job, about: string | undefined): Promise<unknown> {
    const attempt = (): ReturnType<typeof write> => this.#writers.borrow((session) => write(session, job));
    const attempts = (): ReturnType<typeof write> => retried(attempt, this.#crowd, this.#random);
    try {
      const { result, touched } = await this.#counted(about === undefined ? attempts() : this.#lanes.inTurn(about, attempts));
      // Before whoever asked goes on; others hear it from the server.
      this.#watches.touched(touched);
      return result;
    } catch (error) {
      // It may have been committed after all.
      if (isLost(error)) this.#watches.touchAll();
      throw toPosternError(error);
    }
  }

  #read(job: Job): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const reading = this.#readers.borrow((session) => read(session, job, resolve));
      this.#counted(reading).catch((error: unknown) => reject(toPosternError(error)));
    });
  }

  async #counted<T>(call: Promise<T>): Promise<T> {
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  /** What was asked before is carried out. */
  async #end(): Promise<void> {
    this.#watches.close();
    await Promise.allSettled(this.#running);
    await Promise.all([this.#listener.close(), this.#readers.close(), this.#writers.close()]);
  }
}
