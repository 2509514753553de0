import { allHandlersFinished, condition, proxyLocalActivities } from "@temporalio/workflow";
import type { HoldActivities } from "../activities/index.ts";
import type { HoldInput, HoldStatus } from "../src/model/hold.ts";
import { People } from "./people.ts";

const { posternHoldTimes } = proxyLocalActivities<HoldActivities>({
  startToCloseTimeout: "20 seconds",
  scheduleToCloseTimeout: "10 minutes",
  retry: { initialInterval: "100 milliseconds", backoffCoefficient: 2, maximumInterval: "10 seconds" },
});

/**
 * Inbound mail that waits for people (held, quarantined, or in a mailbox of mode `gated_all`): let through by a quorum,
 * thrown away by one rejection or by time. Ends at once when nothing waits, after it has answered whoever asked.
 */
export async function holdMessage({ tenant, mailbox, message }: HoldInput): Promise<{ readonly status: HoldStatus | "nothing_waits" }> {
  const ref = { tenant, mailbox, hold: message };
  const people = new People(ref);
  const times = await posternHoldTimes(ref);
  const status = times === null ? ended(people.status) : await people.decided(times);
  await condition(allHandlersFinished);
  return { status };
}

/** Whoever asked may have ended it before its times were read. */
function ended(status: HoldStatus): HoldStatus | "nothing_waits" {
  return status === "waiting" ? "nothing_waits" : status;
}
