import { dispatchLost } from "../src/gate/dispatch.ts";
import type { ReviveDeps } from "../src/gate/revive.ts";
import type { DispatchId } from "../src/model/ids.ts";

/** Rows read at once, workflows asked for at once. */
const PAGE = 100;
const AT_ONCE = 8;

/** Milliseconds after which a delivery that is due has its workflow, unless that was lost. */
const SETTLED_MS = 10_000;

/** Deliveries that are in line and whose workflow is gone would never arrive and never die. Returns how many were asked for. */
export async function redispatchLost(deps: ReviveDeps & { readonly clock: () => number }, heartbeat: () => void): Promise<number> {
  const before = deps.clock() - SETTLED_MS;
  let asked = 0;
  for (let after: DispatchId | null = null; ;) {
    const rows: readonly Ref[] = await deps.store.run("dispatches.pending_after", { after, before, limit: PAGE });
    for (let at = 0; at < rows.length; at += AT_ONCE) {
      await Promise.all(rows.slice(at, at + AT_ONCE).map(({ tenant, id }) => dispatchLost(deps, { tenant, dispatch: id })));
      heartbeat();
    }
    asked += rows.length;
    if (rows.length < PAGE) return asked;
    after = rows.at(-1)!.id;
  }
}

type Ref = { readonly tenant: `ten_${string}`; readonly id: DispatchId };
