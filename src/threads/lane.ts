import { Worker } from "node:worker_threads";
import { PosternError } from "../model/errors.ts";
import type { Job, JobArgs, JobName, JobResult, ReaderSetup, Reply } from "./protocol.ts";
import { HolderWord, LAST_JOB, monotonicMs } from "./turn.ts";

export interface LaneOptions extends Omit<ReaderSetup, "holder"> {
  /** Jobs waiting or running before new ones are refused as temporary; default 500. */
  readonly maxJobs?: number;
  /** Milliseconds one job may compute without a pause; default 15,000. */
  readonly jobMs?: number;
  /** Milliseconds a job may wait for its turn, its blob and DNS before it fails as temporary; default 60,000. */
  readonly waitMs?: number;
  /** Module of the thread; default: the mail reader. */
  readonly entry?: URL;
}

const DEFAULTS = { maxJobs: 500, jobMs: 15_000, waitMs: 60_000, entry: entryBeside(import.meta.url) };

/** MiB of heap: what a message makes of itself must not take the memory of the whole process. */
const HEAP_MIB = 1_024;

/** A parsed message is garbage at once: room for some of them saves a tenth of a judgement's processor time. */
const YOUNG_MIB = 128;

/** Deaths of its thread after which a job is not begun anew. In its own turn the second one is proof. */
const MOST_DEATHS = { inItsTurn: 2, inNobodysTurn: 3 };

interface Pending {
  readonly job: Job;
  readonly resolve: (value: never) => void;
  readonly reject: (error: PosternError) => void;
  readonly waited: NodeJS.Timeout;
  deaths: number;
}

/**
 * One reader thread and the jobs given to it. A job that computes for longer than its time, or in whose turn the thread
 * dies twice, fails for good, so that its message is held; the others begin anew in the next thread and notice nothing.
 * Jobs only read, so beginning anew is safe.
 */
export class Lane {
  readonly #options: LaneOptions & typeof DEFAULTS;
  readonly #pending = new Map<number, Pending>();
  /** Begun in this turn of the loop, by whichever callback; they go to the thread together, so that it is woken once. */
  #outbox: Job[] = [];
  #thread: { readonly worker: Worker; readonly holder: HolderWord } | null = null;
  #watch: NodeJS.Timeout | undefined;
  #lastId = 0;
  #lastHeard = 0;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  run<N extends JobName>(name: N, args: JobArgs<N>): Promise<JobResult<N>> {
    if (this.#closed) return Promise.reject(closing());
    if (this.#pending.size >= this.#options.maxJobs) return Promise.reject(unavailable("too many messages are being read"));
    return new Promise((resolve, reject) => {
      const id = this.#nextId();
      const waited = setTimeout(() => this.#waitedOut(id), this.#options.waitMs).unref();
      const pending = { job: { id, name, args }, resolve, reject, waited, deaths: 0 };
      this.#pending.set(id, pending);
      this.#watch ??= setInterval(() => this.#lookIn(), Math.ceil(this.#options.jobMs / 20)).unref();
      this.#begin(pending);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectAll(closing());
    await this.#end();
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId % LAST_JOB) + 1;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  #begin({ job }: Pending): void {
    if (this.#outbox.length === 0) setImmediate(() => this.#send());
    this.#outbox.push(job);
  }

  #send(): void {
    const jobs = this.#outbox.filter(({ id }) => this.#pending.has(id));
    this.#outbox = [];
    if (jobs.length === 0) return;
    this.#thread ??= this.#start();
    this.#thread.worker.postMessage(jobs);
  }

  #start(): { readonly worker: Worker; readonly holder: HolderWord } {
    const { source, zone, keepBytes, entry } = this.#options;
    const holder = new HolderWord();
    const worker = new Worker(entry, {
      workerData: { source, zone, keepBytes, holder: holder.shared } satisfies ReaderSetup,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const thread = { worker, holder };
    this.#lastHeard = monotonicMs();
    const lost = (): void => {
      if (thread === this.#thread) this.#replaceDead();
    };
    worker.on("message", (replies: readonly Reply[]) => {
      this.#lastHeard = monotonicMs();
      for (const reply of replies) this.#settle(reply);
    });
    worker.on("error", lost);
    worker.on("exit", lost);
    worker.unref();
    return thread;
  }

  #settle(reply: Reply): void {
    const pending = this.#take(reply.id);
    if (pending === undefined) return;
    if ("value" in reply) return pending.resolve(reply.value as never);
    const { code, message, temporary, where } = reply.error;
    pending.reject(new PosternError(code, message, { temporary, detail: where }));
  }

  #lookIn(): void {
    const holder = this.#thread?.holder.read() ?? null;
    if (holder === null || monotonicMs() - holder.since < this.#options.jobMs) return;
    this.#take(holder.job)?.reject(tooMuch());
    this.#replace();
  }

  #replaceDead(): void {
    const suspect = this.#pending.get(this.#thread?.holder.read()?.job ?? 0);
    for (const pending of suspect === undefined ? this.#pending.values() : [suspect]) pending.deaths += 1;
    if (suspect?.deaths === MOST_DEATHS.inItsTurn) this.#take(suspect.job.id)?.reject(tooMuch());
    for (const { deaths, job } of [...this.#pending.values()])
      if (deaths >= MOST_DEATHS.inNobodysTurn) this.#take(job.id)?.reject(unavailable("the mail reader cannot be started"));
    this.#replace();
  }

  #replace(): void {
    void this.#end();
    this.#outbox = [];
    for (const pending of this.#pending.values()) this.#begin(pending);
  }

  #waitedOut(id: number): void {
    this.#take(id)?.reject(unavailable("the mail reader does not get to it"));
    // Silent for as long, without anybody computing: whatever it hangs in, a new one does not.
    if (monotonicMs() - this.#lastHeard >= this.#options.waitMs) this.#replace();
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.worker.terminate();
  }

  #rejectAll(reason: PosternError): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(reason);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    clearTimeout(pending.waited);
    if (this.#pending.size === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    }
    return pending;
  }
}

/** `thread.ts` as source, `thread.js` as built. */
function entryBeside(module: string): URL {
  return new URL(module.endsWith(".ts") ? "./thread.ts" : "./thread.js", module);
}

function closing(): PosternError {
  return unavailable("the mail reader is closing");
}

function tooMuch(): PosternError {
  return new PosternError("internal", "the message takes too much to read");
}

function unavailable(message: string): PosternError {
  return new PosternError("unavailable", message, { temporary: true, fix: "try again in a moment" });
}
