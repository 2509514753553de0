import { unavailable } from "../unavailable.ts";

interface Waiting {
  readonly go: () => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * How many transactions go on at once: as many as get on with each other. Two that met cost a whole attempt, and in a small
 * database, or about one mailbox, nearly all meet; so each meeting halves the number, and each success adds a little.
 */
export class Crowd {
  readonly #most: number;
  readonly #patience: number;
  #limit: number;
  #inside = 0;
  readonly #waiting: Waiting[] = [];

  /** `patience`: milliseconds that one waits at most, as before a server that says nothing any more. */
  constructor(most: number, patience: number) {
    this.#most = most;
    this.#patience = patience;
    this.#limit = most;
  }

  /** `again`: it was inside before and goes ahead of those who were not. Rejects as temporary when the wait is too long. */
  async enter(again: boolean): Promise<void> {
    if (this.#inside < Math.trunc(this.#limit)) {
      this.#inside += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const give = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(unavailable("the database does not keep up"));
      };
      const waiting: Waiting = { go: resolve, timer: setTimeout(give, this.#patience) };
      if (again) this.#waiting.unshift(waiting);
      else this.#waiting.push(waiting);
    });
  }

  leave(met: boolean): void {
    this.#limit = met ? Math.max(1, this.#limit / 2) : Math.min(this.#most, this.#limit + 1 / (16 * this.#limit));
    this.#inside -= 1;
    while (this.#inside < Math.trunc(this.#limit) && this.#waiting.length > 0) {
      const { go, timer } = this.#waiting.shift()!;
      clearTimeout(timer);
      this.#inside += 1;
      go();
    }
  }
}
