import type { DecisionId, DraftId } from "../src/model/ids.ts";
import type { SendLook } from "../src/store/contract-outbound.ts";

/** What a look at a draft that was just made would find, beside its row, as long as `decision` stands. */
interface Found extends Pick<SendLook, "facts" | "ready"> {
  readonly decision: DecisionId;
}

/** Milliseconds: a draft that may leave is taken up at once, or whoever takes it up looks for himself. */
const FRESH_MS = 5_000;

/** On their way from one step to the next; each may hold a policy of a megabyte. */
const MOST = 64;

/**
 * What this process has found when it screened a draft, for the sending that follows within the same breath. Given out once:
 * a second try looks. INVARIANT: only a proposal comes of it; what counts is read again in the claim (DESIGN §4.5).
 */
export class JustScreened {
  readonly #clock: () => number;
  readonly #found = new Map<DraftId, { readonly found: Found; readonly at: number }>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  put(draft: DraftId, found: Found): void {
    this.#found.delete(draft);
    this.#found.set(draft, { found, at: this.#clock() });
    if (this.#found.size > MOST) this.#found.delete(this.#found.keys().next().value!);
  }

  take(draft: DraftId): Found | null {
    const kept = this.#found.get(draft);
    this.#found.delete(draft);
    return kept !== undefined && this.#clock() - kept.at < FRESH_MS ? kept.found : null;
  }
}
