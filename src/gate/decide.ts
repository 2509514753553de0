import { setTimeout as pause } from "node:timers/promises";
import {
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from "@temporalio/client";
import type { Workflow } from "@temporalio/common";
import type { HoldAction, HoldAnswer, HoldInput, HoldMessage } from "../model/hold.ts";
import { holdWorkflowOf } from "../model/hold-workflow.ts";
import { isId, type DraftId, type MessageId } from "../model/ids.ts";
import { HOLD_MESSAGE, WORKFLOW, type TaskQueues } from "../model/names.ts";
import type { HoldRef } from "../model/hold.ts";
import type { Tickets } from "../model/ticket.ts";
import type { Store } from "../store/contract.ts";
import { lostDraft } from "./revive.ts";
import { isEnding, unavailable, within } from "./within.ts";

export interface DecideDeps {
  readonly client: Client;
  readonly store: Pick<Store, "run">;
  readonly taskQueues: Pick<TaskQueues, "main">;
  readonly tickets: Pick<Tickets, "sign">;
}

/** A composed edit takes a while; a person waits this long at most. */
export const DECIDE_MS = 20_000;

/** A workflow that is just ending takes no attempt, and is gone in a moment: how often it is asked again, and after how long. */
const ENDING = { times: 40, ms: 50 } as const;

/**
 * One person's attempt, by update. Null: no workflow waits for it any more, and the door records that. Rejects with a
 * temporary `PosternError` when Temporal does not answer within `ms`; the attempt may then still count, and the same token
 * says whether.
 */
export async function decide(
  deps: DecideDeps,
  ref: HoldRef,
  action: HoldAction,
  message: HoldMessage,
  ms = DECIDE_MS,
): Promise<HoldAnswer | null> {
  try {
    return await within(deps.client, ms, () => untilEnded(() => ask(deps, ref, action, message)));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    if (error instanceof WorkflowUpdateFailedError) throw unavailable("the attempt could not be judged", error);
    // The server's own deadline is as late as ours, and either may be the first.
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) throw unavailable("temporal does not answer in time", error);
    if (error instanceof ServiceError) throw unavailable("temporal did not take the attempt", error);
    throw error;
  }
}

/** The same token every time, so it counts once. */
async function untilEnded<T>(attempt: () => Promise<T>): Promise<T> {
  for (let times = 0; times < ENDING.times; times += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isEnding(error)) throw error;
      await pause(ENDING.ms);
    }
  }
  return attempt();
}

function ask(deps: DecideDeps, ref: HoldRef, action: HoldAction, message: HoldMessage): Promise<HoldAnswer> {
  const { hold } = ref;
  return isId("drf", hold) ? ofDraft(deps, { ...ref, hold }, action, message) : ofInbound(deps, ref, action, message);
}

/** A draft that waits has a workflow; one whose workflow was lost gets another. */
async function ofDraft(deps: DecideDeps, ref: HoldRef & { hold: DraftId }, action: HoldAction, message: HoldMessage): Promise<HoldAnswer> {
  try {
    return await deps.client.workflow
      .getHandle(holdWorkflowOf(ref.hold))
      .executeUpdate<HoldAnswer, [HoldMessage]>(HOLD_MESSAGE[action], { args: [message] });
  } catch (error) {
    const lost = error instanceof WorkflowNotFoundError ? await lostDraft(deps, { ...ref, draft: ref.hold }) : null;
    if (lost === null) throw error;
    return withStart(deps, ref, { type: WORKFLOW.outboundMessage, args: [...lost] }, action, message);
  }
}

/** Inbound mail may wait without a workflow (quarantined): the first attempt starts it. */
function ofInbound(deps: DecideDeps, ref: HoldRef, action: HoldAction, message: HoldMessage): Promise<HoldAnswer> {
  const input: HoldInput = { tenant: ref.tenant, mailbox: ref.mailbox, message: ref.hold as MessageId };
  return withStart(deps, ref, { type: WORKFLOW.holdMessage, args: [input] }, action, message);
}

function withStart(
  { client, taskQueues }: DecideDeps,
  { hold }: HoldRef,
  { type, args }: { readonly type: string; readonly args: unknown[] },
  action: HoldAction,
  message: HoldMessage,
): Promise<HoldAnswer> {
  const startWorkflowOperation = new WithStartWorkflowOperation(type, {
    workflowId: holdWorkflowOf(hold),
    taskQueue: taskQueues.main,
    args,
    workflowIdConflictPolicy: "USE_EXISTING",
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
  });
  return client.workflow.executeUpdateWithStart<Workflow, HoldAnswer, [HoldMessage]>(HOLD_MESSAGE[action], {
    startWorkflowOperation,
    args: [message],
  });
}
