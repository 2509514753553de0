interface Reading {
  readonly question: string;
  readonly result: Promise<unknown>;
}

/** Results kept at most; the oldest go first. */
const MOST = 256;

/**
 * What reads have found, each until its key moves (`Operation.until`). Every write goes through the one store that has the
 * database, and its keys are told before its call resolves, so whoever waited for a write never gets what was before it.
 */
export class Kept {
  /** By key: the last question under it, open or answered. */
  readonly #readings = new Map<string, Reading>();

  read(key: string, question: string, ask: () => Promise<unknown>): Promise<unknown> {
    const known = this.#readings.get(key);
    if (known?.question === question) return known.result;
    const reading = { question, result: ask().then(frozen) };
    this.#readings.delete(key);
    this.#readings.set(key, reading);
    if (this.#readings.size > MOST) this.#readings.delete(this.#readings.keys().next().value as string);
    reading.result.catch(() => this.#readings.get(key) === reading && this.#readings.delete(key));
    return reading.result;
  }

  /** A reading that is under way is dropped too: it may have looked before the change. */
  touched(keys: readonly string[]): void {
    for (const key of keys) this.#readings.delete(key);
  }

  clear(): void {
    this.#readings.clear();
  }
}

/** Many callers share it. */
function frozen<T>(result: T): T {
  return Object.freeze(result);
}
