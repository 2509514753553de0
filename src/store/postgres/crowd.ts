/**
 * How many transactions go on at once: as many as get on with each other. Two that met cost a whole attempt, and in a small
 * database, or about one mailbox, nearly all meet; so each meeting halves the number, and each success adds a little.
 */
export class Crowd {
  readonly #most: number;
  #limit: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  /** `again`: it was inside before and goes ahead of those who were not. */
  async enter(again: boolean): Promise<void> {
    if (this.#inside < Math.trunc(this.#limit)) {
      this.#inside += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    if (again) this.#waiting.unshift(resolve);
    else this.#waiting.push(resolve);
    await promise;
  }

  leave(met: boolean): void {
    this.#limit = met ? Math.max(1, this.#limit / 2) : Math.min(this.#most, this.#limit + 1 / (4 * this.#limit));
    this.#inside -= 1;
    while (this.#inside < Math.trunc(this.#limit) && this.#waiting.length > 0) {
      this.#inside += 1;
      this.#waiting.shift()!();
    }
  }
}
