import type { DispatchRef } from "./channel.ts";
import type { DraftId, KeyId, MailboxId, MessageId, TenantId } from "./ids.ts";

/** What waits for people: a draft, or inbound mail that was held (also by `gated_all`) or quarantined. Its id is the thing's own. */
export type HoldId = DraftId | MessageId;
export type HoldKind = "send" | "inbound";

export const HOLD_STATUSES = ["waiting", "approved", "rejected", "expired", "cancelled"] as const;
export type HoldStatus = (typeof HOLD_STATUSES)[number];

/**
 * What a person can do to something that waits. The last three are for a draft whose fate is `unknown`: send it again, or put
 * down that it arrived (`settle`) or did not (`settle_failed`).
 */
export const HOLD_ACTIONS = ["approve", "reject", "edit", "cancel", "resend", "settle", "settle_failed"] as const;
export type HoldAction = (typeof HOLD_ACTIONS)[number];

/** Who acts: a key, or whoever may write to the namespace (only under `approvals.trustNamespace`). */
export type HoldActor = KeyId | "namespace";

/** Why an attempt counts for nothing. Every one is recorded and answered. */
export const HOLD_REFUSALS = [
  "not_found",
  "already_decided",
  "content_hash_required",
  "content_stale",
  "not_an_approver",
  "own_draft",
  "already_approved",
  "key_revoked",
  "reason_required",
  "not_editable",
  "invalid_edit",
  "not_unknown",
  "token_missing",
  "token_invalid",
  "token_expired",
  "token_used",
] as const;
export type HoldRefusal = (typeof HOLD_REFUSALS)[number];

/**
 * One attempt, as it is sent to the workflow by update or by signal. `token` is the door's signed word on who acts, on
 * what, with which content (DESIGN §4.4); without it the attempt counts only under `trustNamespace`.
 */
export interface HoldMessage {
  readonly token: string | null;
  /** Read from the token when there is one; for unsigned signals said here. */
  readonly content_hash?: string;
}

/** An attempt as a door makes it. `nonce`: the token's own, which names the attempt on record. */
export interface HoldWord {
  readonly token: string;
  readonly nonce: string;
}

/** What is watched for an attempt to be on record. */
export function attemptKey({ nonce }: { readonly nonce: string }): string {
  return `attempt:${nonce}`;
}

/** Answer to one attempt. */
export type HoldAnswer =
  | {
      readonly result: "accepted";
      readonly status: HoldStatus;
      readonly approvals: number;
      readonly quorum: number;
      readonly revision: number;
      /** What letting inbound mail through began; absent when nothing. */
      readonly dispatches?: readonly DispatchRef[];
    }
  | { readonly result: "refused"; readonly code: HoldRefusal };

/** What an attempt is about. */
export interface HoldRef {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly hold: HoldId;
}

/** Input of the workflow `holdMessage`: inbound mail that waits. */
export interface HoldInput {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
}

export type HoldTimerEvent = "remind" | "escalate" | "expire";

/** What the workflow's timers need to know of a hold; times are epoch milliseconds, null: none. */
export interface HoldTimes {
  readonly remind_at: number | null;
  readonly escalate_at: number | null;
  readonly expires_at: number;
}
