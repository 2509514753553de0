import { ApplicationFailure, ApplicationFailureCategory, WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { ParentClosePolicy, proxyLocalActivities, startChild } from "@temporalio/workflow";
import type { InboundActivities } from "../activities/index.ts";
import type { Judged } from "../src/model/channel.ts";
import type { Decision } from "../src/model/decision.ts";
import type { InboundInput } from "../src/model/message.ts";
import { holdWorkflowId } from "../src/model/ids.ts";
import { DEFERRED_FAILURE, UNTRUSTED_START } from "../src/model/names.ts";
import type { Ticketed } from "../src/model/ticket.ts";
import { startDispatches } from "./dispatch.ts";
import { holdMessage } from "./hold.ts";

// Local: quick and idempotent steps, one marker each, no further durable write (DESIGN §3). The bounds lie past the
// door's 30 s, so that a late decision is still recorded and the sender's retry reads it.
const { posternVerify, posternGuard, posternBudget } = proxyLocalActivities<InboundActivities>({
  startToCloseTimeout: "20 seconds",
  scheduleToCloseTimeout: "60 seconds",
  // 34 attempts take a minute: the SDK forgets the time above when it runs out between two of them.
  retry: { initialInterval: "100 milliseconds", backoffCoefficient: 2, maximumInterval: "2 seconds", maximumAttempts: 34 },
});

/** What the history says of a judgement; the store holds the whole decision. */
export type InboundResult = Pick<Decision, "id" | "outcome" | "reason">;

/**
 * One message, one mailbox: verified, guarded, budgeted, recorded. For the pull channel the recorded decision is the
 * dispatch; other channels have runs of their own on the queue `holds`, which this one does not wait for. Ends failed with type `Deferred` when there is no final decision, so that the sender's retry may run again.
 *
 * INVARIANT: input and results go from step to step as they came. Each has a ticket, without which the next step fails with type
 * `untrusted_start`: neither whoever starts this nor code that calls itself this can make up mail, or what is judged by.
 */
export async function inboundMessage(input: Ticketed<InboundInput>, holds?: string): Promise<InboundResult> {
  const { id, outcome, reason, dispatches } = await judge(input);
  if (outcome === "deferred") throw deferred(reason);
  await waitForPeople(input, outcome, holds);
  await startDispatches(dispatches, holds);
  return { id, outcome, reason };
}

/** Messages of one run: a door gathers eight at most. Whoever may start workflows could have a million steps begin at once. */
const MOST_TOGETHER = 64;

/**
 * Messages that arrived together under load, each verified, guarded, budgeted and recorded as if it were alone; results in
 * their order. None waits for another: whoever asked about it reads its recorded decision. A deferral is a result here,
 * because a retry is judged in another run. When a judgement failed for good, the run fails after all others have ended.
 */
export async function inboundMessages(inputs: readonly Ticketed<InboundInput>[], holds?: string): Promise<readonly InboundResult[]> {
  if (!Array.isArray(inputs) || inputs.length > MOST_TOGETHER) throw ApplicationFailure.nonRetryable(UNTRUSTED_START, UNTRUSTED_START);
  const judged = await Promise.allSettled(
    inputs.map(async (input) => {
      const decision = await judge(input);
      await waitForPeople(input, decision.outcome, holds);
      await startDispatches(decision.dispatches, holds);
      return decision;
    }),
  );
  return judged.map((end) => {
    if (end.status === "rejected") throw end.reason as Error;
    const { id, outcome, reason } = end.value;
    return { id, outcome, reason };
  });
}

// Knows nothing of runs: one run may judge several messages.
async function judge(input: Ticketed<InboundInput>): Promise<Judged> {
  const verified = await posternVerify(input);
  const guarded = await posternGuard(input, verified);
  return posternBudget(input, verified, guarded);
}

/** What waits for people has a run of its own on the queue `holds`, with its reminders and its end; this one does not wait for it. */
async function waitForPeople(input: InboundInput, outcome: Decision["outcome"], holds: string | undefined): Promise<void> {
  if (holds === undefined || (outcome !== "held" && outcome !== "quarantined")) return;
  const { tenant, mailbox, message } = input;
  const options = { workflowId: holdWorkflowId(message), taskQueue: holds, parentClosePolicy: ParentClosePolicy.ABANDON } as const;
  await startChild(holdMessage, { ...options, args: [{ tenant, mailbox, message }] }).catch(orThere);
}

/** A person was quicker: the door has started it. */
function orThere(error: unknown): void {
  if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
}

function deferred(reason: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: DEFERRED_FAILURE,
    message: reason,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}
