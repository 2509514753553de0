import type { Client } from "@temporalio/client";
import { ApplicationFailure, ApplicationFailureCategory } from "@temporalio/common";
import { missed, type Attempt, type Missed } from "../src/channels/channel.ts";
import { deliverToWebhook, type WebhookPort } from "../src/channels/webhook.ts";
import { deliverToWorkflow } from "../src/channels/workflow.ts";
import { workflowOf } from "../src/delivery/agent-workflow.ts";
import { mailDelivery, webhookBody, type Dispatched } from "../src/delivery/dispatched.ts";
import type { DispatchRef, DispatchReason, DispatchState } from "../src/model/channel.ts";
import { PosternError } from "../src/model/errors.ts";
import { MISSED_FAILURE } from "../src/model/names.ts";
import type { DispatchRow, DueDispatch, WebhookRow } from "../src/store/contract-channels.ts";
import { freshNames } from "./budget.ts";
import type { DispatchDeps } from "./deps.ts";

export type { WebhookPort };

/** What the history says of a delivery. */
export interface DispatchEnd {
  readonly state: DispatchState;
  readonly reason: DispatchReason | null;
}

/**
 * One attempt at one delivery, recorded. Fails with `MISSED_FAILURE` when another is to follow, and says when: twice as
 * long from attempt to attempt. Ends when it arrived, or when its time is over: then it is a dead letter.
 */
export async function dispatch(deps: DispatchDeps, ref: DispatchRef, client: () => Client): Promise<DispatchEnd> {
  const { tenant, dispatch: id } = ref;
  const at = deps.clock();
  const due = await deps.store.run("dispatches.due", { tenant, id, at });
  if (due === null) return { state: "dead", reason: "message_withdrawn" };
  if (due.dispatch.state !== "pending") return endOf(due.dispatch);
  const attempt = await attemptOf(deps, due, client, at);
  const recorded = await record(deps, due.dispatch, attempt);
  if (recorded === null || recorded.state !== "pending" || attempt.arrived) return recorded === null ? GONE : endOf(recorded);
  throw later(attempt, pauseOf(deps, recorded, attempt));
}

const GONE: DispatchEnd = { state: "dead", reason: "message_withdrawn" };

function endOf({ state, reason }: DispatchRow): DispatchEnd {
  return { state, reason };
}

/** INVARIANT: asked at every attempt, so that what was taken away since (the message, the channel, the agent's leave) holds. */
async function attemptOf(deps: DispatchDeps, due: DueDispatch, client: () => Client, at: number): Promise<Attempt> {
  const { dispatch, message, agent_id, webhook } = due;
  if (message === null) return missed("message_withdrawn", { again: false });
  if (!due.has_channel) return missed("channel_removed", { again: false });
  if (due.stopped) return missed("stopped");
  const dispatched = { dispatch, message, agent_id };
  const { channel } = dispatch;
  switch (channel.kind) {
    case "webhook":
      return webhook === null ? missed("channel_removed", { again: false }) : post(deps, dispatched, webhook, at);
    case "workflow":
      return deliverToWorkflow(client(), { channel, workflowId: workflowOf(dispatch, channel), mail: mailDelivery(dispatched) });
    default:
      return channel satisfies never;
  }
}

async function post(deps: DispatchDeps, dispatched: Dispatched, webhook: WebhookRow, at: number): Promise<Attempt> {
  const { id, tenant } = dispatched.dispatch;
  const { url, agentpack } = webhook;
  try {
    const onUnreadable = ({ code }: { readonly code: string }) => deps.onFault({ activity: "dispatch", code, where: "reader" });
    const body = await webhookBody({ ...deps, onUnreadable }, dispatched);
    return await deliverToWebhook(deps.webhooks, { tenant, url, agentpack, id, body, secrets: secretsOf(deps, webhook), at });
  } catch (error) {
    if (!(error instanceof PosternError) || error.temporary) throw error;
    deps.onFault({ activity: "dispatch", code: error.code, where: "webhook" });
    return missed("unreadable");
  }
}

function secretsOf({ sealer }: DispatchDeps, { id, secrets }: WebhookRow): readonly string[] {
  return secrets.map((secret) => sealer.open(`webhook:${id}:${secret.id}`, secret.sealed).toString("utf8"));
}

function record(deps: DispatchDeps, { tenant, id, due_at }: DispatchRow, attempt: Attempt): Promise<DispatchRow | null> {
  const { at, audit_id, salt } = freshNames(deps);
  const known = { tenant, id, at, audit_id, salt, status: attempt.status };
  if (attempt.arrived) return deps.store.run("dispatches.attempted", { ...known, state: "delivered", reason: null });
  const isOver = !attempt.again || at - due_at >= deps.dispatching.giveUpMs;
  return deps.store.run("dispatches.attempted", { ...known, state: isOver ? "dead" : "pending", reason: attempt.reason });
}

/** As long as the receiver asks, and never past the end: the last attempt is then. */
function pauseOf({ clock, dispatching }: DispatchDeps, { attempts, due_at }: DispatchRow, { after_ms }: Missed): number {
  const { firstMs, longestMs, giveUpMs } = dispatching;
  const pause = Math.max(after_ms ?? 0, Math.min(longestMs, firstMs * 2 ** Math.min(attempts - 1, 30)));
  return Math.max(1, Math.min(pause, due_at + giveUpMs - clock()));
}

function later({ reason }: Missed, after_ms: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: MISSED_FAILURE,
    message: reason,
    nextRetryDelay: after_ms,
    category: ApplicationFailureCategory.BENIGN,
  });
}
