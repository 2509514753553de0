import { Worker } from "node:worker_threads";
import type { MailReader, StoredMessage } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import type { JobArgs, JobName, JobResult, ReaderSetup, Reply } from "./protocol.ts";

export interface ReaderPoolOptions extends ReaderSetup {
  /** Threads; default 1. */
  readonly threads?: number;
  /** Jobs waiting or running in one thread before new ones are refused as temporary; default 500. */
  readonly maxJobs?: number;
  /** Milliseconds after which a silent thread is ended and started anew; default 15,000. */
  readonly jobMs?: number;
}

export interface ReaderPool extends MailReader {
  close(): Promise<void>;
}

/**
 * A `MailReader` on worker threads. All jobs on one message go to one thread, which keeps what it parsed. A job that
 * exceeds its time fails for good (the message is held) and its thread is replaced; its neighbours fail as temporary.
 */
export function createReaderPool(options: ReaderPoolOptions): ReaderPool {
  const lanes = Array.from({ length: options.threads ?? 1 }, () => new Lane(options));
  const on = <N extends JobName>(name: N, ...args: JobArgs<N>): Promise<JobResult<N>> =>
    laneOf(lanes, args[0] as StoredMessage).run(name, args);
  return {
    inspect: (message) => on("inspect", message),
    authenticate: (message, envelope) => on("authenticate", message, envelope),
    scan: (message, guards) => on("scan", message, guards),
    headline: (message) => on("headline", message),
    view: (message) => on("view", message),
    close: async () => void (await Promise.all(lanes.map((lane) => lane.close()))),
  };
}

function laneOf(lanes: readonly Lane[], { ref }: StoredMessage): Lane {
  return lanes[Number.parseInt(ref.digest.slice(0, 6), 16) % lanes.length] as Lane;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: PosternError) => void;
  readonly timer: NodeJS.Timeout;
}

class Lane {
  readonly #options: ReaderPoolOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #nextId = 0;
  #closed = false;

  constructor(options: ReaderPoolOptions) {
    this.#options = options;
  }

  run<N extends JobName>(name: N, args: JobArgs<N>): Promise<JobResult<N>> {
    if (this.#closed) return Promise.reject(unavailable("the mail reader is closing"));
    if (this.#pending.size >= (this.#options.maxJobs ?? 500)) return Promise.reject(unavailable("too many messages are being read"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#overrun(id), this.#options.jobMs ?? 15_000);
      this.#pending.set(id, { resolve, reject, timer });
      this.#thread().postMessage({ id, name, args });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#replace(unavailable("the mail reader is closing"));
  }

  #thread(): Worker {
    this.#worker ??= this.#start();
    return this.#worker;
  }

  #start(): Worker {
    const { blobRoot, zone } = this.#options;
    const worker = new Worker(new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url), {
      workerData: { blobRoot, zone } satisfies ReaderSetup,
    });
    worker.on("message", (reply: Reply) => this.#settle(reply));
    worker.on("error", () => this.#lost(worker));
    worker.on("exit", () => this.#lost(worker));
    worker.unref();
    return worker;
  }

  #settle(reply: Reply): void {
    const pending = this.#take(reply.id);
    if (pending === undefined) return;
    if ("value" in reply) pending.resolve(reply.value as never);
    else
      pending.reject(
        new PosternError(reply.error.code, reply.error.message, { temporary: reply.error.temporary, detail: reply.error.where }),
      );
  }

  // The job that came first is the one that holds the thread: the others never had their turn.
  #overrun(id: number): void {
    const culprit = this.#take(this.#pending.keys().next().value ?? id);
    culprit?.reject(new PosternError("internal", "the message takes too long to read"));
    void this.#replace(unavailable("the mail reader was restarted"));
  }

  #lost(worker: Worker): void {
    if (worker === this.#worker) void this.#replace(unavailable("the mail reader was restarted"));
  }

  async #replace(reason: PosternError): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(reason);
    await worker?.terminate();
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    return pending;
  }
}

function unavailable(message: string): PosternError {
  return new PosternError("unavailable", message, { temporary: true, fix: "try again in a moment" });
}
