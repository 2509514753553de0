import { continueAsNew, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { HoldActivities } from "../activities/index.ts";
import type { HoldInput, HoldStatus } from "../src/model/hold.ts";
import { startDispatches } from "./dispatch.ts";
import { People } from "./people.ts";

const { posternHoldTimes } = proxyActivities<HoldActivities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "200 milliseconds", backoffCoefficient: 2, maximumInterval: "1 minute" },
});

/**
 * Inbound mail that waits for people (held, quarantined, or in a mailbox of mode `gated_all`): let through by a quorum,
 * thrown away by one rejection or by time. Ends at once when nothing waits, after it has answered whoever asked.
 *
 * Its input is a reference and has no ticket. Threat: whoever may start workflows can begin one for what waits, which is what
 * was to be begun, or for what does not, where every attempt is refused. Times, approvers and what is delivered are the
 * record's; an attempt counts by its token.
 */
export async function holdMessage(input: HoldInput): Promise<{ readonly status: HoldStatus | "nothing_waits" }> {
  const { tenant, mailbox, message } = input;
  const ref = { tenant, mailbox, hold: message };
  const people = new People(ref);
  const times = await posternHoldTimes(ref);
  const status = times === null ? ended(people.status) : await people.decided(times);
  await people.close();
  if (status === "waiting") return continueAsNew<typeof holdMessage>(input);
  await startDispatches(people.dispatches, workflowInfo().taskQueue);
  return { status };
}

/** Whoever asked may have ended it before its times were read. */
function ended(status: HoldStatus): HoldStatus | "nothing_waits" {
  return status === "waiting" ? "nothing_waits" : status;
}
