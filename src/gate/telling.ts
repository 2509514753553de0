import { setTimeout as pause } from "node:timers/promises";
import { attemptKey, type HoldAction, type HoldAnswer, type HoldRef, type HoldWord } from "../model/hold.ts";
import type { Store } from "../store/contract.ts";
import { decide, DECIDE_MS, type DecideDeps } from "./decide.ts";

export interface TellingDeps extends DecideDeps {
  readonly store: Pick<Store, "run" | "watch">;
  /** Told why a workflow could not be told what is on record. Approvals are told by the upkeep, the rest by its timers. */
  readonly onUntold: (error: unknown) => void;
}

/** Milliseconds between two times that a workflow is told again, and for how long it is. */
export interface TellingBounds {
  readonly leastMs: number;
  readonly mostMs: number;
  readonly forMs: number;
}

/** A token is good for ten minutes. */
const TELLING: TellingBounds = { leastMs: 500, mostMs: 30_000, forMs: 8 * 60_000 };

/**
 * What people decide is answered as soon as the record has it, as mail that came in is (DESIGN §3.6): what is left of the
 * workflow's task changes nothing about it. INVARIANT: only the workflow has attempts judged. Where it does not hear the end,
 * because Temporal lost the update or went away, it is told again from here, and after this process by the upkeep.
 */
export class Telling {
  readonly #deps: TellingDeps;
  readonly #bounds: TellingBounds;
  readonly #closing = new AbortController();

  constructor(deps: TellingDeps, bounds = TELLING) {
    this.#deps = deps;
    this.#bounds = bounds;
  }

  /** Null: no workflow waits for it any more. Rejects when nothing is on record and nobody says that there will be. */
  async decide(ref: HoldRef, action: HoldAction, word: HoldWord): Promise<HoldAnswer | null> {
    const watch = this.#deps.store.watch(attemptKey(word), DECIDE_MS);
    const told = this.#tell(ref, action, word);
    try {
      const recorded = watch.moved.then((moved) => (moved ? this.#recorded(ref, word) : null));
      const early = await Promise.race([recorded, told.catch(() => null)]);
      // Where no workflow is left to say it, the record may have what it said last.
      if (early === null) return (await told) ?? (await this.#recorded(ref, word));
      told.catch(() => this.#again(ref, action, early, word));
      return early;
    } catch (error) {
      const late = await this.#recorded(ref, word);
      if (late === null) throw error;
      void this.#again(ref, action, late, word);
      return late;
    } finally {
      watch.cancel();
    }
  }

  /** Nobody is told anything by this process any more. */
  close(): void {
    this.#closing.abort();
  }

  #tell(ref: HoldRef, action: HoldAction, { token }: HoldWord): Promise<HoldAnswer | null> {
    return decide(this.#deps, ref, action, { token });
  }

  /** Null also when the record cannot be asked: whoever asks then hears from the workflow, or nothing. */
  #recorded({ tenant, hold }: HoldRef, { nonce }: HoldWord): Promise<HoldAnswer | null> {
    return this.#deps.store.run("holds.answer", { tenant, hold, nonce }).catch(() => null);
  }

  /** The same token every time, so it counts once. What counted for nothing moves no workflow. */
  async #again(ref: HoldRef, action: HoldAction, answer: HoldAnswer, word: HoldWord): Promise<void> {
    if (answer.result === "refused") return;
    const { leastMs, mostMs, forMs } = this.#bounds;
    const until = performance.now() + forMs;
    for (let ms = leastMs; ; ms = Math.min(2 * ms, mostMs)) {
      try {
        await pause(ms, undefined, { signal: this.#closing.signal, ref: false });
        await this.#tell(ref, action, word);
        return;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        if (performance.now() >= until) return this.#deps.onUntold(error);
      }
    }
  }
}
