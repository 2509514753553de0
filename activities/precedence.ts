/** Milliseconds that anything waits for people at most. */
const MOST_MS = 500;

/**
 * Whoever decides waits for the answer; what follows from a decision, and mail that leaves, keep nobody waiting. So they go on
 * when no person in this process waits any more, or a moment later, and the last of many who decide at once is answered sooner.
 */
export class Precedence {
  #people = 0;
  readonly #others = new Set<() => void>();

  /** For as long as somebody waits for what `answer` resolves to. */
  async ofPeople<T>(answer: () => Promise<T>): Promise<T> {
    this.#people += 1;
    try {
      return await answer();
    } finally {
      this.#people -= 1;
      if (this.#people === 0) for (const go of this.#others) go();
    }
  }

  /** Resolves when no person waits; after half a second whatever they do. */
  async giveWay(): Promise<void> {
    if (this.#people === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#others.add(resolve);
    const timer = setTimeout(resolve, MOST_MS);
    await promise;
    this.#others.delete(resolve);
    clearTimeout(timer);
  }
}
