import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { defineSignal, ParentClosePolicy, proxyActivities, setHandler, startChild } from "@temporalio/workflow";
import type { DispatchActivities, DispatchEnd } from "../activities/index.ts";
import type { DispatchRef } from "../src/model/channel.ts";
import { dispatchWorkflowId } from "../src/model/ids.ts";
import { WAKE_SIGNAL } from "../src/model/names.ts";

// The activity says itself when it is to be tried again and when its time is over; the intervals here are for its faults.
const { posternDispatch } = proxyActivities<DispatchActivities>({
  startToCloseTimeout: "2 minutes",
  heartbeatTimeout: "15 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 hour" },
});

/**
 * One delivery of one message by one channel: tried until it arrived, or for a day, and then a dead letter (DESIGN §3.7).
 * Woken, it looks again: somebody may have put it in line once more while it was ending.
 *
 * Its input is a reference and has no ticket. Threat: whoever may start workflows can have what is in line tried once more, under
 * the same delivery id; what was never in line, has arrived or is dead the record does not give out, and the mail, the
 * receiver and the agent's leave are the record's at every attempt.
 */
export async function dispatchMessage(ref: DispatchRef): Promise<DispatchEnd> {
  let again = false;
  setHandler(defineSignal(WAKE_SIGNAL), () => {
    again = true;
  });
  for (;;) {
    again = false;
    const end = await posternDispatch(ref);
    if (!again) return end;
  }
}

/** Each on its own, on the queue `main`; whoever delivered the message does not wait for them. */
export async function startDispatches(refs: readonly DispatchRef[] | undefined, main: string | undefined): Promise<void> {
  if (refs === undefined || main === undefined) return;
  await Promise.all(refs.map((ref) => start(ref, main)));
}

async function start(ref: DispatchRef, taskQueue: string): Promise<void> {
  const options = { workflowId: dispatchWorkflowId(ref.dispatch), taskQueue, parentClosePolicy: ParentClosePolicy.ABANDON } as const;
  await startChild(dispatchMessage, { ...options, args: [ref] }).catch(orThere);
}

/** Another run that delivered the same message was quicker. */
function orThere(error: unknown): void {
  if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
}
