import type { DispatchId, MailboxId, MessageId, TenantId, ThreadId, WebhookId } from "./ids.ts";
import type { Verification } from "./message.ts";

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
}

export const CHANNEL_LIMITS = { perMailbox: 10, nameCharacters: 200 } as const;

/** One delivery of one message by one channel, for ever the same id: what an agent drops repeats by. */
export interface DispatchRef {
  readonly tenant: TenantId;
  readonly dispatch: DispatchId;
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
