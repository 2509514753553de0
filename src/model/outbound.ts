import type { DraftId, KeyId, MailboxId, MessageId, TenantId, ThreadId } from "./ids.ts";
import type { HoldTimes } from "./hold.ts";
import type { MessageRef } from "./message.ts";

/** How much people see and decide, strictest first (MM-01). */
export const MODES = ["read_only", "gated_all", "gated_send", "monitored", "autonomous"] as const;
export type Mode = (typeof MODES)[number];
/** What holds until somebody says otherwise (MM-07). */
export const DEFAULT_MODE: Mode = "gated_send";

/** True when `to` gives the agent more freedom than `from`: that needs an operator's one-time code (MM-28). */
export function isUpward(from: Mode, to: Mode): boolean {
  return MODES.indexOf(to) > MODES.indexOf(from);
}

export function strictest(first: Mode, ...others: readonly Mode[]): Mode {
  return others.reduce((mode, other) => (isUpward(other, mode) ? other : mode), first);
}

/** MM-05: what nobody would get a copy of is not sent without being asked about. */
export function overseen(mode: Mode, hasOverseer: boolean): Mode {
  return mode === "monitored" && !hasOverseer ? "gated_send" : mode;
}

/** Where a draft is (DESIGN §1). `delivered`, `bounced` and `complained` come with delivery reports. */
export const DRAFT_STATES = [
  "pending_send_approval",
  "queued",
  "sending",
  "sent",
  "delivered",
  "bounced",
  "complained",
  "blocked",
  "rejected",
  "expired",
  "cancelled",
  "failed",
  "unknown",
] as const;
export type DraftState = (typeof DRAFT_STATES)[number];

/** What a decision about outbound mail can come to, whatever its stage. `rate_limited` is not final: the agent may submit again. */
export const OUTBOUND_OUTCOMES = [
  "pending_send_approval",
  "queued",
  "blocked",
  "rate_limited",
  "rejected",
  "expired",
  "cancelled",
  "sending",
] as const;
export type OutboundOutcome = (typeof OUTBOUND_OUTCOMES)[number];

/** Every reason an outbound decision can carry. */
export const OUTBOUND_REASONS = [
  "mode_read_only",
  "stopped_mailbox",
  "stopped_agent",
  "stopped_tenant",
  "author_key_revoked",
  "block_list",
  "allow_list",
  "suppressed",
  "send_limit_per_hour",
  "send_limit_per_day",
  "secret_found",
  "guard_error",
  "first_contact",
  "tainted_thread",
  "automatic_source",
  "mode_gated_all",
  "mode_gated_send",
  "mode_monitored",
  "mode_autonomous",
  "copy",
  "invalid_policy",
  "approved_by_person",
  "rejected_by_person",
  "cancelled_by_person",
  "cancelled_by_author",
  "hold_expired",
  "approval_stale",
  "claimed",
] as const;
export type OutboundReason = (typeof OUTBOUND_REASONS)[number];

/** As a recipient is named in the header, or is not. */
export type RecipientKind = "to" | "cc" | "bcc";

/** `address`: local part as the author wrote it, domain as lower-case A-labels. */
export interface Recipient {
  readonly kind: RecipientKind;
  readonly address: string;
}

/** `draft`: an agent's mail. `copy`: the oversight address's copy of mail that a `monitored` mailbox sent (MM-05). */
export type DraftKind = "draft" | "copy";

/** Input of the workflow `outboundMessage`, which comes with a ticket. What was submitted lies in the blob `source`; no address, no text is in here. */
export interface OutboundInput {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly draft: DraftId;
  /** Id of the row in `messages`, with the body of the draft's id. */
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly kind: DraftKind;
  /** JSON of a `Submission`. */
  readonly source: MessageRef;
  /** The key that submitted. */
  readonly author: KeyId;
  /** The inbound message that is answered. */
  readonly in_reply_to: MessageId | null;
  /** Epoch milliseconds. */
  readonly submitted_at: number;
  /** Epoch milliseconds; null: as soon as it may. */
  readonly send_at: number | null;
}

/** What an agent (or a person who edits) wrote. The content of the blob `OutboundInput.source`. */
export interface Submission {
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly subject: string;
  readonly markdown: string;
  /** The plain part, where the author wants another than the one rendered from `markdown`. */
  readonly text: string | null;
  readonly attachments: readonly SubmittedAttachment[];
}

export interface SubmittedAttachment {
  readonly filename: string;
  /** `type/subtype`. */
  readonly content_type: string;
  /** Base64 of RFC 4648 §4, without line breaks. */
  readonly content: string;
}

/** A frozen version of a draft, as it travels through the workflow. */
export interface RevisionRef {
  /** From 1. */
  readonly number: number;
  /** What an approval is for (DESIGN §4.2). */
  readonly content_hash: string;
  /** The finished MIME without the prepended list. */
  readonly mime: MessageRef;
}

/** Bounds of a submission (REQUIREMENTS: hostile input). Attachment bytes count before base64. */
export const SUBMISSION_LIMITS = {
  recipients: 100,
  subjectCharacters: 998,
  markdownBytes: 512 * 1024,
  attachments: 20,
  attachmentBytes: 10 * 1024 * 1024,
  filenameCharacters: 255,
  /** Farthest `send_at`, days. */
  scheduleDays: 365,
} as const;

/**
 * What screening at `submit` came to, as the workflow knows it: codes and times. `quick`: it may leave in the same breath;
 * histories of versions that could not do that have none.
 */
export type ScreenStep =
  | { readonly kind: "blocked" | "limited"; readonly reason: string }
  | { readonly kind: "hold"; readonly times: HoldTimes }
  | { readonly kind: "go"; readonly quick?: boolean };

/** How long the workflow has been at it: epoch milliseconds of its first go, and how often the next hop was tried in vain. */
export interface Since {
  readonly at: number;
  readonly tries: number;
}

/** How far a draft's workflow is, for a run that goes on where another's history grew too long. */
export interface OutboundStage {
  /** Of the hold it waits for; null: nobody need approve (any more). */
  readonly times: HoldTimes | null;
  /** Null: it was not tried yet. */
  readonly since: Since | null;
  /** People took it back before its time, which is waited for no more. */
  readonly at_once?: boolean;
  /** Its first go may be a quick one. */
  readonly quick?: boolean;
}

/**
 * What one go at sending came to. `again`: look again after so many milliseconds, or when woken; `tried`: the next hop was asked.
 * `late`: nothing was said and nothing recorded, since the go had to be quick and the next hop was not.
 */
export type SendStep =
  | { readonly kind: "done"; readonly state: DraftState; readonly copy: boolean }
  | { readonly kind: "hold"; readonly times: HoldTimes }
  | { readonly kind: "again"; readonly after_ms: number; readonly tried: boolean }
  | { readonly kind: "unknown" }
  | { readonly kind: "late" };

/** How a draft ended. */
export interface OutboundResult {
  readonly state: DraftState;
}
