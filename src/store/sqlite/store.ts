import { resolve } from "node:path";
import type { Args, OperationName, Result, Store, Watch } from "../contract.ts";
import { PosternError } from "../../model/errors.ts";
import type { Operation } from "../operation.ts";
import { registry } from "../registry.ts";
import { Watches } from "../watch.ts";
import type { Touched } from "./jobs.ts";
import { Kept, questionOf } from "./kept.ts";
import { Line } from "./line.ts";
import { lockDatabase, type Lock } from "./lock.ts";
import type { ThreadData } from "./thread.ts";

export interface SqliteStoreOptions {
  /** The database file; its directory must exist. `-wal`, `-shm` and `.lock` files stand beside it. */
  readonly path: string;
  /** Operations that may wait per thread; default 10,000. */
  readonly mostWaiting?: number;
}

/**
 * The embedded store: `node:sqlite` in two threads, one that writes and one that reads. A write is durable when its
 * promise resolves, and later reads see it. Keeps the process alive until `close`.
 *
 * Throws `invalid_config` when another process has the database, when it cannot be opened, or when newer code wrote it.
 */
export async function createSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const path = resolve(options.path);
  const lock = lockDatabase(path);
  const store = new SqliteStore(path, options.mostWaiting ?? 10_000, lock);
  try {
    await store.start();
    return store;
  } catch (error) {
    await store.close();
    throw error instanceof PosternError && error.code === "invalid_config" ? error : cannotOpen(path, error);
  }
}

function cannotOpen(path: string, cause: unknown): PosternError {
  return new PosternError("invalid_config", `the database \`${path}\` cannot be opened`, {
    fix: "see that it is a file this user may write, or put a backup in its place",
    ...(cause instanceof PosternError && cause.detail !== undefined ? { detail: cause.detail } : {}),
    cause,
  });
}

// Beside this file, as source and as built.
const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

class SqliteStore implements Store {
  readonly #lock: Lock;
  readonly #watches = new Watches();
  readonly #kept = new Kept();
  readonly #writer: Line;
  readonly #reader: Line;
  #closed: Promise<void> | null = null;

  constructor(path: string, mostWaiting: number, lock: Lock) {
    this.#lock = lock;
    const line = (role: ThreadData["role"], onLost: () => void): Line =>
      new Line({
        entry: THREAD,
        data: { path, role } satisfies ThreadData,
        mostWaiting,
        onTouched: (touched) => this.#touched(touched),
        onLost,
      });
    this.#writer = line("writer", () => this.#touchedAll());
    this.#reader = line("reader", () => undefined);
  }

  /** The writer first: it makes the file and the tables that the reader opens. */
  async start(): Promise<void> {
    await this.#writer.start();
    await this.#reader.start();
  }

  run<K extends OperationName>(name: K, args: Args<K>): Promise<Result<K>> {
    const { kind, until }: Operation<K> = registry[name];
    const line = kind === "write" ? this.#writer : this.#reader;
    const ask = (): Promise<unknown> => line.run(name, args);
    return (until === undefined ? ask() : this.#kept.read(until(args), questionOf(name, args), ask)) as Promise<Result<K>>;
  }

  watch(key: string, timeoutMs: number): Watch {
    return this.#watches.watch(key, timeoutMs);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  #touched(touched: readonly Touched[]): void {
    this.#kept.touched(touched);
    this.#watches.touched(touched.map(({ key }) => key));
  }

  #touchedAll(): void {
    this.#kept.clear();
    this.#watches.touchAll();
  }

  // The reader first: the last connection to close folds the log into the database, and only the writer may.
  async #end(): Promise<void> {
    this.#watches.close();
    await this.#reader.close();
    await this.#writer.close();
    this.#lock.release();
  }
}
