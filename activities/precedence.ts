/** Milliseconds that mail waits for people at most. */
const MOST_MS = 500;

/**
 * Whoever decides waits for the answer; mail that leaves keeps nobody waiting. So what was approved begins to leave when no
 * person in this process waits any more, or a moment later, and the last of many who decide at once is answered sooner.
 */
export class Precedence {
  #people = 0;
  readonly #mails = new Set<() => void>();

  /** For as long as somebody waits for what `answer` resolves to. */
  async ofPeople<T>(answer: () => Promise<T>): Promise<T> {
    this.#people += 1;
    try {
      return await answer();
    } finally {
      this.#people -= 1;
      if (this.#people === 0) for (const go of this.#mails) go();
    }
  }

  /** Resolves when no person waits; after half a second whatever they do. */
  async giveWay(): Promise<void> {
    if (this.#people === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#mails.add(resolve);
    const timer = setTimeout(resolve, MOST_MS);
    await promise;
    this.#mails.delete(resolve);
    clearTimeout(timer);
  }
}
