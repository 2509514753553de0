import { workflowOf } from "../src/delivery/agent-workflow.ts";
import { channelKey, type DispatchRef } from "../src/model/channel.ts";
import { isId, type KeyId } from "../src/model/ids.ts";
import type { MailboxRow, MessageRow, Store } from "../src/store/contract.ts";

/** Why a delivery gives a workflow no authority. */
export type NotDelivered = "no_mail" | "not_delivered" | "other_workflow" | "channel_removed" | "stopped";

/** A mail that is with the workflow that asks, as the record has it now. */
export interface Delivered {
  readonly message: MessageRow;
  readonly mailbox: MailboxRow;
  /** In whose name the workflow sends; null: it may not. */
  readonly author: KeyId | null;
}

export type Delivery = { readonly ok: true; readonly delivered: Delivered } | Refused;
export interface Refused {
  readonly ok: false;
  readonly why: NotDelivered;
  /** What the refusal is about; null where the record knows of nothing, or it is not the asker's to know. */
  readonly message: MessageRow | null;
}

export interface DeliveredDeps {
  readonly store: Store;
  readonly clock: () => number;
}

/**
 * Whether a delivery was made to this workflow and still holds. `ref` comes from workflow code, which may say anything:
 * INVARIANT: only a delivery that the record made to the workflow with this id counts. The server tells the id. Threat: who may
 * start workflows in the namespace may start one under an id that nobody has now; tenants who do not trust each other there
 * need namespaces of their own.
 */
export async function deliveryOf(deps: DeliveredDeps, ref: DispatchRef | null, workflowId: string): Promise<Delivery> {
  if (ref === null || !isRef(ref)) return { ok: false, why: "no_mail", message: null };
  const due = await deps.store.run("dispatches.due", { tenant: ref.tenant, id: ref.dispatch, at: deps.clock() });
  if (due === null) return { ok: false, why: "not_delivered", message: null };
  const { dispatch, message } = due;
  const { channel } = dispatch;
  const isTheirs = channel.kind === "workflow" && workflowOf(dispatch, channel) === workflowId;
  if (!isTheirs) return { ok: false, why: "other_workflow", message: null };
  const mailbox = await deps.store.run("mailboxes.get", { tenant: dispatch.tenant, id: dispatch.mailbox });
  if (message === null || mailbox === null) return { ok: false, why: "not_delivered", message: null };
  if (due.stopped) return { ok: false, why: "stopped", message };
  // Today's channel says who may send; one that was taken off gives nothing any more.
  const today = mailbox.channels.find((each) => channelKey(each) === channelKey(channel));
  if (today?.kind !== "workflow") return { ok: false, why: "channel_removed", message };
  return { ok: true, delivered: { message, mailbox, author: today.key_id ?? null } };
}

function isRef(ref: unknown): ref is DispatchRef {
  if (typeof ref !== "object" || ref === null) return false;
  const { tenant, dispatch } = ref as Partial<Record<keyof DispatchRef, unknown>>;
  return typeof tenant === "string" && isId("ten", tenant) && typeof dispatch === "string" && isId("evt", dispatch);
}
