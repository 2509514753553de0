import type { HoldRef, HoldStatus, HoldTimerEvent, HoldTimes } from "../src/model/hold.ts";
import type { Trace } from "../src/store/contract.ts";
import { freshNames } from "./budget.ts";
import type { ActivityDeps } from "./deps.ts";

/** A reminder, an escalation or the end of a hold: audited once, and only while it still waits. */
export function holdTimer(
  deps: ActivityDeps,
  { tenant, hold }: HoldRef,
  event: HoldTimerEvent,
  trace: Trace,
): Promise<{ readonly status: HoldStatus }> {
  return deps.store.run("holds.timer", { tenant, hold, event, trace, ...freshNames(deps) });
}

/** When a hold's timers fire. Null: nothing waits under that name. */
export async function holdTimes({ store }: ActivityDeps, { tenant, hold }: HoldRef): Promise<HoldTimes | null> {
  const row = await store.run("holds.get", { tenant, id: hold });
  return row?.status === "waiting" ? row.times : null;
}
