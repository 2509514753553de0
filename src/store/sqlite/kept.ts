import type { Args, OperationName } from "../contract.ts";
import type { Touched } from "./jobs.ts";

interface Reading {
  readonly question: string;
  readonly result: Promise<unknown>;
}

/** Results kept at most; the oldest go first. */
const MOST = 256;

/**
 * What reads have found, or writes have said that they will, each until its key moves (`Operation.until`). Every write goes
 * through the one store that has the database, and its keys are told before its call resolves, so whoever waited for a write
 * never gets what was before it.
 */
export class Kept {
  /** By key: the last question under it, open or answered. */
  readonly #readings = new Map<string, Reading>();

  read(key: string, question: string, ask: () => Promise<unknown>): Promise<unknown> {
    const known = this.#readings.get(key);
    if (known?.question === question) return known.result;
    const reading = { question, result: ask().then(frozen) };
    this.#keep(key, reading);
    reading.result.catch(() => this.#readings.get(key) === reading && this.#readings.delete(key));
    return reading.result;
  }

  /** A reading that is under way is dropped too: it may have looked before the change. */
  touched(touched: readonly Touched[]): void {
    for (const { key, known } of touched) {
      this.#readings.delete(key);
      if (known !== undefined)
        this.#keep(key, { question: questionOf(known.name, known.args), result: Promise.resolve(frozen(known.result)) });
    }
  }

  clear(): void {
    this.#readings.clear();
  }

  #keep(key: string, reading: Reading): void {
    this.#readings.delete(key);
    this.#readings.set(key, reading);
    if (this.#readings.size > MOST) this.#readings.delete(this.#readings.keys().next().value as string);
  }
}

/** Two that are the same are asked with their arguments in the same order. */
export function questionOf<K extends OperationName>(name: K, args: Args<K>): string {
  return JSON.stringify([name, args]);
}

/** Many callers share it. */
function frozen<T>(result: T): T {
  return Object.freeze(result);
}
