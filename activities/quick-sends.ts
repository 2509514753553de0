import type { DraftId } from "../src/model/ids.ts";
import type { SendStep } from "../src/model/outbound.ts";

/** Milliseconds a workflow task waits: long for a relay that is there, short for whoever waits for a word of this workflow. */
const QUICK_MS = 2_000;

/** Milliseconds what a go came to is kept for the regular step, which a busy worker begins late. */
const KEPT_MS = 60_000;

/** Slots that a worker's open polls hold. */
const POLLS = 10;

/** How many workflow tasks of a worker may wait for the next hop at once; a small worker has none to spare. */
export function mostQuick(slots: number): number {
  return Math.max(0, Math.floor((slots - POLLS) / 4));
}

interface Going {
  readonly step: Promise<SendStep>;
  /** A workflow task was told that it is late: what it comes to is the regular step's. */
  isLeft: boolean;
}

/**
 * Sending within the workflow task that screened it, which saves the server four writes. INVARIANT: a next hop that is slow, or
 * away, stops nobody's approval: a task keeps its slot meanwhile, so few go at it like this, and none is waited for any longer.
 * What has made its claim by then goes on beside, for the regular step to join; what has not is asked to end.
 */
export class QuickSends {
  readonly #most: number;
  readonly #going = new Map<DraftId, Going>();
  #awaited = 0;
  #isClosed = false;

  /** `most`: at once. */
  constructor(most: number) {
    this.#most = most;
  }

  /** `late`: the regular step has to go at it. `signal` is aborted when the time is over. */
  async run(draft: DraftId, send: (signal: AbortSignal) => Promise<SendStep>): Promise<SendStep> {
    if (this.#isClosed || this.#awaited >= this.#most) return { kind: "late" };
    this.#awaited += 1;
    const over = Promise.withResolvers<SendStep>();
    const late = new AbortController();
    const going = this.#going.get(draft) ?? this.#begin(draft, send(late.signal));
    const timer = setTimeout(() => {
      going.isLeft = true;
      late.abort();
      over.resolve({ kind: "late" });
    }, QUICK_MS);
    try {
      return await Promise.race([going.step, over.promise]);
    } finally {
      clearTimeout(timer);
      this.#awaited -= 1;
    }
  }

  /** What came of a go at this draft that was left; null: of none, or nothing. */
  async join(draft: DraftId): Promise<SendStep | null> {
    const going = this.#going.get(draft);
    if (going === undefined) return null;
    try {
      const step = await going.step;
      return step.kind === "late" ? null : step;
    } finally {
      this.#forget(draft, going);
    }
  }

  /** No more are begun; resolves when those under way have ended, which may take as long as the next hop does. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#going.values()].map(({ step }) => step));
  }

  #begin(draft: DraftId, step: Promise<SendStep>): Going {
    const going: Going = { step, isLeft: false };
    this.#going.set(draft, going);
    const ended = (): void => {
      if (going.isLeft) setTimeout(() => this.#forget(draft, going), KEPT_MS).unref();
      else this.#forget(draft, going);
    };
    // Whoever waits hears of a failure, and else the next go finds what it left on record.
    step.then(ended, ended);
    return going;
  }

  #forget(draft: DraftId, going: Going): void {
    if (this.#going.get(draft) === going) this.#going.delete(draft);
  }
}
