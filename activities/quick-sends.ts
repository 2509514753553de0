import type { DraftId } from "../src/model/ids.ts";
import type { SendStep } from "../src/model/outbound.ts";

/** Milliseconds a workflow task waits: long for a relay that is there, short for whoever waits for a word of this workflow. */
const QUICK_MS = 2_000;

/**
 * Sending within the workflow task that screened it, which saves the server four writes. INVARIANT: a next hop that is slow, or
 * away, stops nobody's approval: a task keeps its slot meanwhile, so few go at it like this, and none is waited for any longer.
 * What has made its claim by then goes on beside, for the regular step to join; what has not is asked to end.
 */
export class QuickSends {
  readonly #most: number;
  readonly #going = new Map<DraftId, Promise<SendStep>>();
  #awaited = 0;

  /** `most`: at once. */
  constructor(most: number) {
    this.#most = most;
  }

  /** `late`: the regular step has to go at it. `signal` is aborted when the time is over. */
  async run(draft: DraftId, send: (signal: AbortSignal) => Promise<SendStep>): Promise<SendStep> {
    if (this.#awaited >= this.#most) return { kind: "late" };
    this.#awaited += 1;
    const over = Promise.withResolvers<SendStep>();
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      over.resolve({ kind: "late" });
    }, QUICK_MS);
    try {
      return await Promise.race([this.#going.get(draft) ?? this.#begin(draft, send(late.signal)), over.promise]);
    } finally {
      clearTimeout(timer);
      this.#awaited -= 1;
    }
  }

  /** What came of a go at this draft that is still under way in this process; null: of none, or nothing. */
  async join(draft: DraftId): Promise<SendStep | null> {
    const step = (await this.#going.get(draft)) ?? null;
    return step?.kind === "late" ? null : step;
  }

  #begin(draft: DraftId, go: Promise<SendStep>): Promise<SendStep> {
    const going = go.finally(() => this.#going.delete(draft));
    this.#going.set(draft, going);
    // Whoever still waits hears of it, and else the next go finds what it left on record.
    going.catch(() => undefined);
    return going;
  }
}
