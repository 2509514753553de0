import { revive, UNDERWAY, type ReviveDeps } from "../src/gate/revive.ts";
import type { HoldId, HoldRef } from "../src/model/hold.ts";
import { draftsIn, PAGE, pages, places, type Place } from "./every-draft.ts";

/** Workflows asked about at once, and the most that one upkeep starts: the rest is the next one's. */
const AT_ONCE = 8;
const MOST = 10_000;

/**
 * Drafts that are under way and inbound mail that waits, whose workflow is gone: terminated, or in a namespace that was
 * deleted or restored from before. Nobody would remind of them, expire them or send what was approved. Returns how many
 * workflows were started; rejects when `signal` says so.
 */
export async function reviveLost(deps: ReviveDeps, heartbeat: () => void, signal: AbortSignal): Promise<number> {
  let revived = 0;
  for await (const refs of waiting(deps)) {
    for (let at = 0; at < refs.length; at += AT_ONCE) {
      signal.throwIfAborted();
      const answers = await Promise.all(refs.slice(at, at + AT_ONCE).map((ref) => revive(deps, ref)));
      revived += answers.filter(Boolean).length;
      heartbeat();
      if (revived >= MOST) return revived;
    }
  }
  return revived;
}

/** Everything that should have a workflow, a page at a time. */
async function* waiting(deps: ReviveDeps): AsyncGenerator<readonly HoldRef[]> {
  for await (const place of places(deps)) {
    for (const state of UNDERWAY) for await (const drafts of draftsIn(deps, place, state)) yield refsOf(place, drafts);
    const inbound = { ...place, direction: "inbound", status: "waiting", limit: PAGE } as const;
    for await (const holds of pages((cursor) => deps.store.run("holds.list", { ...inbound, ...cursor }))) yield refsOf(place, holds);
  }
}

function refsOf(place: Place, rows: readonly { readonly id: HoldId }[]): readonly HoldRef[] {
  return rows.map(({ id }) => ({ ...place, hold: id }));
}
