import { Worker } from "node:worker_threads";
import type { PosternError } from "../../model/errors.ts";
import { unavailable } from "../unavailable.ts";
import { fromFault, type Fault } from "./fault.ts";
import type { Job, Outcome, Touched } from "./jobs.ts";

export interface LineOptions {
  readonly entry: URL;
  readonly data: unknown;
  /** Calls waiting at most; one more is refused as temporary. */
  readonly mostWaiting: number;
  /** Called before the calls that moved the keys resolve. */
  readonly onTouched: (touched: readonly Touched[]) => void;
  /** The thread ended unasked: what it had committed may never have been told. */
  readonly onLost: () => void;
}

type Said = "ready" | { readonly fault: Fault } | Outcome;

interface Call {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The way to one thread and back. When the thread dies, waiting calls reject as temporary (whether they were carried
 * out is unknown, so operations must bear repeating) and the next call starts another.
 */
export class Line {
  readonly #options: LineOptions;
  readonly #calls = new Map<number, Call>();
  /** Asked for in this turn of the loop, by whichever callback; they go to the thread together, so that it is woken once and commits once. */
  #outbox: Job[] = [];
  #worker: Worker | null = null;
  #ready: PromiseWithResolvers<void> | null = null;
  #lastId = 0;
  #closed = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Resolves when the thread has its database open, rejects with the reason why not. */
  async start(): Promise<void> {
    this.#thread();
    await this.#ready?.promise;
  }

  async run(name: Job["name"], args: unknown): Promise<unknown> {
    if (this.#closed) throw unavailable("the store is closed");
    if (this.#calls.size >= this.#options.mostWaiting) throw unavailable("too many operations are waiting");
    const id = ++this.#lastId;
    if (this.#outbox.length === 0) setImmediate(() => this.#send());
    this.#outbox.push({ id, name, args });
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  /** Carries out what was asked before, then ends the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#send();
    const worker = this.#worker;
    if (worker === null) return;
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    worker.postMessage("close");
    await ended;
  }

  #send(): void {
    const jobs = this.#outbox;
    this.#outbox = [];
    if (jobs.length === 0) return;
    const worker = this.#thread();
    try {
      worker.postMessage(jobs);
    } catch {
      // Arguments that cannot be copied are one caller's mistake.
      for (const job of jobs) this.#sendAlone(worker, job);
    }
  }

  #sendAlone(worker: Worker, job: Job): void {
    try {
      worker.postMessage([job]);
    } catch (error) {
      this.#calls.get(job.id)?.reject(error);
      this.#calls.delete(job.id);
    }
  }

  #thread(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(this.#options.entry, { workerData: this.#options.data });
    this.#worker = worker;
    this.#ready = Promise.withResolvers<void>();
    // Only `start` asks; a failed restart is told to the calls that wait for it.
    this.#ready.promise.catch(() => undefined);
    worker.on("message", (said: Said) => this.#hear(worker, said));
    worker.on("error", (error) => this.#lose(worker, unavailable("the database thread failed", error)));
    worker.on("exit", () => this.#lose(worker, unavailable("the database thread ended")));
    return worker;
  }

  #hear(worker: Worker, said: Said): void {
    if (said === "ready") this.#ready?.resolve();
    else if ("fault" in said) this.#giveUp(worker, fromFault(said.fault));
    else this.#settle(said);
  }

  #settle({ answers, touched }: Outcome): void {
    if (touched.length > 0) this.#options.onTouched(touched);
    for (const answer of answers) {
      const call = this.#calls.get(answer.id);
      this.#calls.delete(answer.id);
      if (answer.ok) call?.resolve(answer.result);
      else call?.reject(fromFault(answer.fault));
    }
  }

  #giveUp(worker: Worker, reason: PosternError): void {
    this.#ready?.reject(reason);
    this.#lose(worker, unavailable("the database cannot be opened", reason));
    void worker.terminate();
  }

  #lose(worker: Worker, reason: PosternError): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    this.#outbox = [];
    this.#ready?.reject(reason);
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(reason);
    this.#options.onLost();
  }
}
