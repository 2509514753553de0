/** So many at once; whoever comes later waits for a place, longest first. */
export class Places {
  readonly #waiting = new Set<(free: boolean) => void>();
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  /** True: the caller has a place until `leave`. False: none until `deadline` (on `performance.now()`'s scale), or aborted. */
  async take(deadline: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return this.#wait(deadline, signal);
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else this.#answer(next, true);
  }

  /** Sends away whoever waits. */
  clear(): void {
    for (const waiting of [...this.#waiting]) this.#answer(waiting, false);
  }

  async #wait(deadline: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.add(resolve);
    const refuse = (): void => this.#answer(resolve, false);
    const timer = setTimeout(refuse, Math.max(0, deadline - performance.now()));
    signal.addEventListener("abort", refuse);
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", refuse);
    });
  }

  // Taken off the list first: an answer is given once, so no place goes to somebody who has left.
  #answer(waiting: (free: boolean) => void, free: boolean): void {
    if (this.#waiting.delete(waiting)) waiting(free);
  }
}
