import type { Decision } from "./decision.ts";
import type { DispatchId, KeyId, MailboxId, MessageId, TenantId, ThreadId, WebhookId } from "./ids.ts";
import type { Verification } from "./message.ts";
import { WORKFLOW } from "./names.ts";

/** How mail reaches an agent beside pull, which is always on (DESIGN §5). */
export type Channel = WebhookChannel | WorkflowChannel;

export interface WebhookChannel {
  readonly kind: "webhook";
  readonly webhook_id: WebhookId;
}

/** A workflow of the team's own, started by its first mail and signalled with each. */
export interface WorkflowChannel {
  readonly kind: "workflow";
  /** Workflow type, on a worker of the team's. */
  readonly type: string;
  readonly task_queue: string;
  /** One workflow a thread, which hears the whole conversation, or one a message. */
  readonly id_per: "thread" | "message";
  /** The key in whose name that workflow sends; absent: it may not. */
  readonly key_id?: KeyId;
}

/** Two channels of a mailbox never have the same: it is what a delivery's id is made of. Who may send is no part of it. */
export function channelKey(channel: Channel): string {
  if (channel.kind === "webhook") return `webhook ${channel.webhook_id}`;
  return JSON.stringify(["workflow", channel.task_queue, channel.type, channel.id_per]);
}

/** Postern's own types are no channel: their arguments are not a `MailStart`, and what they do is the gate's to begin. */
export function isOwnWorkflow(type: string): boolean {
  return Object.values<string>(WORKFLOW).includes(type);
}

export const CHANNEL_LIMITS = { perMailbox: 10, nameCharacters: 200 } as const;

/** One delivery of one message by one channel, for ever the same id: what an agent drops repeats by. */
export interface DispatchRef {
  readonly tenant: TenantId;
  readonly dispatch: DispatchId;
}

/** A decision with the deliveries it began; absent when there are none. */
export interface Judged extends Decision {
  readonly dispatches?: readonly DispatchRef[];
}

/** `pending`: tried until it arrives or its time is over; `dead`: only an operator's replay tries again. */
export type DispatchState = "pending" | "delivered" | "dead";

/** Why an attempt did not arrive, and why a delivery is dead. Codes without personal data: histories, logs and lists show them. */
export type DispatchReason =
  | `http_${number}`
  | "timeout"
  | "busy"
  | "connection_failed"
  | "tls_failed"
  | "name_not_found"
  | "address_refused"
  | "url_refused"
  | "response_invalid"
  | "workflow_refused"
  | "temporal_unavailable"
  | "stopped"
  | "channel_removed"
  | "message_withdrawn"
  | "unreadable";

/** Argument that an agent's workflow is started with; its mail comes by the signal. */
export interface MailStart {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId;
}

/**
 * Argument of the signal `posternMail`: references and facts. No text, address, subject or token, because a history keeps
 * it; an activity reads those when they are needed.
 */
export interface MailDelivery {
  readonly delivery_id: DispatchId;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly capabilities: readonly string[];
  /** Null when it was released by a person before it could be verified. */
  readonly verification: Verification | null;
  /** Epoch milliseconds. */
  readonly received_at: number;
}
