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

/**
 * Tells the workflow of a draft that it was approved, where the record has it and nothing came of it: an update that the
 * workflow's worker and Temporal lost together is nowhere else. One that has heard, and waits for a cap or a kill switch,
 * looks once more. Returns whether it was told.
 */
export async function retell(deps: RetellDeps, ref: DraftRef): Promise<boolean> {
  const { tenant, hold } = ref;
  const draft = await deps.store.run("drafts.get", { tenant, id: hold });
  if (draft === null || !isResting(draft, deps.clock())) return false;
  const word = await deps.store.run("holds.approval", { tenant, hold });
  if (word === null) return false;
  await decide(deps, ref, "approve", { token: await deps.signAgain(ref, word) });
  return true;
}

/** It may leave, and nobody has tried. */
function isResting({ state, updated_at, send_at }: DraftRow, now: number): boolean {
  return state === "queued" && updated_at + HEARD_MS <= now && (send_at ?? 0) <= now;
}
