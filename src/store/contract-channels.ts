import type { Channel, DispatchReason, DispatchState } from "../model/channel.ts";
import type { Actor } from "../model/decision.ts";
import type { DispatchId, MailboxId, MessageId, TenantId, ThreadId, WebhookId } from "../model/ids.ts";
import type { MessageRow, Op, Page, PageArgs } from "./contract.ts";
import type { Fresh } from "./contract-outbound.ts";

/** How mail reaches agents beside pull: channels of mailboxes, webhooks, and one delivery for each (message, channel). */
export interface ChannelOperations {
  /** With `agent_id` every mailbox of that agent gets it as a channel. */
  "webhooks.create": Op<NewWebhook, WebhookRow | { readonly refused: "too_many_webhooks" | "agent_unknown" | "too_many_channels" }>;
  "webhooks.get": Op<{ tenant: TenantId; id: WebhookId }, WebhookRow | null>;
  "webhooks.list": Op<{ tenant: TenantId } & PageArgs, Page<WebhookRow>>;
  /** Also takes it off every mailbox; what is under way dies at its next attempt. False: no such webhook. */
  "webhooks.delete": Op<{ tenant: TenantId; id: WebhookId } & Doing, boolean>;
  /** The newest secret becomes one with an end; one that had an end already is gone. */
  "webhooks.rotate": Op<{ tenant: TenantId; id: WebhookId; secret: NewSecret; grace_ms: number } & Doing, WebhookRow | null>;

  "dispatches.get": Op<{ tenant: TenantId; id: DispatchId }, DispatchRow | null>;
  "dispatches.of_message": Op<{ tenant: TenantId; message: MessageId }, readonly DispatchRow[]>;
  "dispatches.list": Op<
    { tenant: TenantId; of: { webhook: WebhookId } | { mailbox: MailboxId }; state?: DispatchState } & PageArgs,
    Page<DispatchRow>
  >;
  /** Everything an attempt goes by, as it is at `at`. Null: no such delivery. */
  "dispatches.due": Op<{ tenant: TenantId; id: DispatchId; at: number }, DueDispatch | null>;
  /** INVARIANT: what has arrived stays delivered. A dead letter has an audit entry. */
  "dispatches.attempted": Op<DispatchAttempt, DispatchRow | null>;
  /** Puts a delivery that has ended in line again, under the same id; one that is in line stays as it is. */
  "dispatches.replay": Op<{ tenant: TenantId; id: DispatchId } & Doing, DispatchRow | null>;
  /** Upkeep: of all tenants, by id. */
  "dispatches.pending_after": Op<
    { after: DispatchId | null; before: number; limit: number },
    readonly { readonly tenant: TenantId; readonly id: DispatchId }[]
  >;
  /** Forgets what has ended and was made before; returns how many. */
  "dispatches.prune": Op<{ before: number; limit: number }, number>;
}

export const WEBHOOK_LIMITS = { perTenant: 100, urlCharacters: 2048, descriptionCharacters: 200 } as const;

/** Who does it, when, and under which names it is recorded. */
export interface Doing extends Fresh {
  readonly actor: Actor;
  readonly at: number;
}

/** Of a webhook that is none of the tenant's, or a key that may not send for the mailbox. */
export type ChannelRefusal = "webhook_unknown" | "key_unfit";

/** `channel`: which of those that were wanted, by its place. */
export interface UnfitChannel {
  readonly refused: ChannelRefusal;
  readonly channel: number;
}

/** `sealed` under `webhook:<webhook>:<id>`. */
export interface NewSecret {
  readonly id: string;
  readonly sealed: string;
}

export interface NewWebhook extends Doing {
  readonly id: WebhookId;
  readonly tenant: TenantId;
  readonly url: string;
  readonly description: string;
  readonly agentpack: boolean;
  readonly secret: NewSecret;
  readonly agent_id?: string;
}

export interface WebhookRow {
  readonly id: WebhookId;
  readonly tenant: TenantId;
  readonly url: string;
  readonly description: string;
  readonly agentpack: boolean;
  readonly created_at: number;
  /** Newest first. One that has ended may still be listed. */
  readonly secrets: readonly WebhookSecretRow[];
}

export interface WebhookSecretRow extends NewSecret {
  readonly created_at: number;
  /** Null: until the next rotation. */
  readonly expires_at: number | null;
}

export interface DispatchRow {
  readonly id: DispatchId;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  readonly thread: ThreadId;
  /** As it was set when the message was delivered. */
  readonly channel: Channel;
  readonly state: DispatchState;
  readonly reason: DispatchReason | null;
  readonly status: number | null;
  readonly attempts: number;
  readonly created_at: number;
  readonly due_at: number;
  readonly minted_at: number;
  readonly attempted_at: number | null;
  readonly ended_at: number | null;
}

export interface DueDispatch {
  readonly dispatch: DispatchRow;
  readonly agent_id: string;
  /** Null: it is no longer with the agent. */
  readonly message: MessageRow | null;
  /** The mailbox still has the channel. */
  readonly has_channel: boolean;
  /** mailbox, agent or tenant. */
  readonly stopped: boolean;
  /** With its live secrets only. Null: a workflow channel, or deleted. */
  readonly webhook: WebhookRow | null;
}

export interface DispatchAttempt extends Fresh {
  readonly tenant: TenantId;
  readonly id: DispatchId;
  readonly state: DispatchState;
  readonly reason: DispatchReason | null;
  readonly status: number | null;
  readonly at: number;
}
