import type { HoldRef } from "../model/hold.ts";
import type { DraftId } from "../model/ids.ts";
import type { Store } from "../store/contract.ts";
import type { ApprovalWord, DraftRow } from "../store/contract-outbound.ts";
import { decide, type DecideDeps } from "./decide.ts";

export interface RetellDeps extends DecideDeps {
  readonly store: Pick<Store, "run">;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** The token of an approval once more: the same nonce, so that it counts once. */
  readonly signAgain: (ref: DraftRef, word: ApprovalWord) => Promise<string>;
}

export type DraftRef = HoldRef & { readonly hold: DraftId };

/** Milliseconds after which a workflow has heard what was decided, unless it was lost on the way. */
const HEARD_MS = 10_000;

/** Milliseconds before its time that a draft's workflow should know that it may leave: the upkeep comes hourly. */
const AHEAD_MS = 90 * 60_000;

/** Milliseconds that a workflow which has a worker needs to hear it. */
const TELL_MS = 5_000;

/** Approved, and nothing has come of it though it is about time: every step of its workflow but waiting for `send_at` moves the row. */
export function isUnheard({ state, reason, updated_at, send_at }: DraftRow, now: number): boolean {
  const isSoon = send_at === null || send_at <= now + AHEAD_MS;
  return state === "queued" && reason === "approved_by_person" && updated_at + HEARD_MS <= now && isSoon;
}

/**
 * Tells the workflow of a draft that it was approved: an update that the workflow's worker and Temporal lost together is
 * nowhere else. Returns whether there was anything to tell; rejects where it is not taken in.
 */
export async function retell(deps: RetellDeps, ref: DraftRef): Promise<boolean> {
  const { tenant, hold } = ref;
  const word = await deps.store.run("holds.approval", { tenant, hold });
  if (word === null) return false;
  await decide(deps, ref, "approve", { token: await deps.signAgain(ref, word) }, TELL_MS);
  return true;
}
