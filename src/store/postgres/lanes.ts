import { Crowd } from "./crowd.ts";

interface Lane {
  readonly turns: Crowd;
  /** Who stands in it. */
  users: number;
}

/** Writes about one thing, one after the other: the second of two would wait for the first and then have to begin anew. */
export class Lanes {
  readonly #patience: number;
  readonly #lanes = new Map<string, Lane>();

  /** `patience`: milliseconds that one waits for its turn at most. */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Rejects as temporary when the wait is too long. */
  async inTurn<T>(about: string, work: () => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(about) ?? { turns: new Crowd(1, this.#patience), users: 0 };
    this.#lanes.set(about, lane);
    lane.users += 1;
    try {
      await lane.turns.enter(false);
      return await work().finally(() => lane.turns.leave(false));
    } finally {
      lane.users -= 1;
      if (lane.users === 0) this.#lanes.delete(about);
    }
  }
}
