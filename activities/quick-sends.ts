import type { SendStep } from "../src/model/outbound.ts";

/** Under way at once, by default: half of the workflow tasks that the SDK's workers take. */
const MOST = 20;

/** Milliseconds until the claim: long for a relay that is there, short for whoever waits for a word of this workflow. */
const QUICK_MS = 2_000;

/**
 * Sending within the workflow task that screened, which saves the server four writes. INVARIANT: a next hop that is slow, or
 * away, stops nobody's approval: a task keeps its slot meanwhile, so few go at it like this, and none says DATA once its time is over.
 */
export class QuickSends {
  readonly #most: number;
  #running = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** `late`: it was not done, and nothing came of it. `signal` is aborted when its time is over. */
  async run(send: (signal: AbortSignal) => Promise<SendStep>): Promise<SendStep> {
    if (this.#running >= this.#most) return { kind: "late" };
    this.#running += 1;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), QUICK_MS);
    try {
      return await send(late.signal);
    } finally {
      clearTimeout(timer);
      this.#running -= 1;
    }
  }
}
