/** Who has the processor of a reader thread, and since when (milliseconds of `monotonicMs`). */
export interface Holder {
  readonly job: number;
  readonly since: number;
}

/** Jobs are numbered from 1 to this. */
export const LAST_JOB = 0xff_ffff;
const JOB_BITS = 24n;

/** One word that both threads see: a thread that hangs cannot say any more what it hangs in. */
export class HolderWord {
  readonly shared: SharedArrayBuffer;
  readonly #word: BigUint64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.shared = shared;
    this.#word = new BigUint64Array(shared);
  }

  write(holder: Holder | null): void {
    Atomics.store(this.#word, 0, holder === null ? 0n : (BigInt(holder.since) << JOB_BITS) | BigInt(holder.job));
  }

  read(): Holder | null {
    const word = Atomics.load(this.#word, 0);
    return word === 0n ? null : { job: Number(word & BigInt(LAST_JOB)), since: Number(word >> JOB_BITS) };
  }
}

/** The same clock in every thread, whatever happens to the time of day. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** What a job says about its use of the thread, so that the one that hangs it is known. */
export interface Turn {
  /** `work` computes. */
  use<T>(work: () => T | Promise<T>): Promise<T>;
  /** `work` computes in many steps; of those only one at a time. */
  useAlone<T>(work: () => Promise<T>): Promise<T>;
  /** Within `use`: waits for something that is not of this thread, such as an answer of DNS. */
  wait<T>(answer: () => Promise<T>): Promise<T>;
}

/** Where nobody watches. */
export const UNWATCHED: Turn = { use: async (work) => work(), useAlone: (work) => work(), wait: (answer) => answer() };

/** The jobs of one thread: the word names the one that began to compute last. */
export class Turns {
  readonly #word: HolderWord;
  /** Computing now, as far as is known; the last one really is, the others are between two steps. */
  readonly #computing: Holder[] = [];
  #line: Promise<unknown> = Promise.resolve();
  /** Jobs in the line, the one that computes included. */
  #lined = 0;

  constructor(word: HolderWord) {
    this.#word = word;
  }

  /** Somebody computes or is about to. */
  get busy(): boolean {
    return this.#lined > 0 || this.#computing.length > 0;
  }

  of(job: number): Turn {
    const use = async <T>(work: () => T | Promise<T>): Promise<T> => {
      this.#begin(job);
      try {
        return await work();
      } finally {
        this.#end(job);
      }
    };
    return {
      use,
      useAlone: (work) => this.#inLine(() => use(work)),
      wait: (answer) => this.#wait(job, answer),
    };
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    this.#lined += 1;
    const done = this.#line.then(work).finally(() => (this.#lined -= 1));
    this.#line = done.catch(() => undefined);
    return done;
  }

  async #wait<T>(job: number, answer: () => Promise<T>): Promise<T> {
    let waiting = true;
    // Not at once: another branch of the same job may go on computing in this turn of the loop.
    setImmediate(() => waiting && this.#end(job));
    try {
      return await answer();
    } finally {
      waiting = false;
      this.#begin(job);
    }
  }

  #begin(job: number): void {
    this.#remove(job);
    this.#computing.push({ job, since: monotonicMs() });
    this.#show();
  }

  #end(job: number): void {
    this.#remove(job);
    this.#show();
  }

  #remove(job: number): void {
    const at = this.#computing.findIndex((holder) => holder.job === job);
    if (at !== -1) this.#computing.splice(at, 1);
  }

  #show(): void {
    this.#word.write(this.#computing.at(-1) ?? null);
  }
}
