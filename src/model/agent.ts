import type { DispatchRef, MailDelivery } from "./channel.ts";
import type { DispatchId, DraftId } from "./ids.ts";
import type { Verification } from "./message.ts";
import type { DraftState, OutboundInput, SubmittedAttachment } from "./outbound.ts";
import type { Ticketed } from "./ticket.ts";

/** What passes between an agent's workflow and the activities it gets its mail by. Public API, like the names. */

/** `ApplicationFailure.type` of an act that the mail does not allow (MB-06). Not retried; its details say what and why. */
export const CAPABILITY_DENIED = "capability_denied";

/** What an agent's workflow takes along into its next run. Bounded: see `Inbox.isLong`. */
export interface InboxState {
  /** Mail that came and was not dealt with. */
  readonly queue: readonly MailDelivery[];
  /** The latest deliveries, so that repeats are known. */
  readonly seen: readonly DispatchId[];
}

/** What `GET /v1/messages/{id}` gives an agent. Personal data: in a history it is as safe as the namespace or its codec. */
export interface MailContent {
  readonly id: string;
  readonly mailbox_id: string;
  readonly thread_id: string;
  /** The one sender the message names; null when that is ambiguous. */
  readonly from: string | null;
  /** SPF or DKIM proves `from`. */
  readonly from_verified: boolean;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  /** What the sender says; RFC 3339. */
  readonly date: string | null;
  readonly received_at: string;
  /** What a person would read; null when the raw bytes are no longer kept or cannot be read. */
  readonly text: string | null;
  /** There was more text than is shown. */
  readonly truncated: boolean;
  readonly attachments: readonly {
    readonly filename: string | null;
    readonly content_type: string;
    readonly size: number;
    readonly sha256: string;
  }[];
  readonly verification: Verification | null;
  readonly capabilities: readonly string[];
  /** Never answer it automatically. */
  readonly automatic: boolean;
  /** Compact JWS (EdDSA) that carries the capabilities for 24 hours. */
  readonly grant: string | null;
}

/** What an agent's workflow writes. Addresses also as `Name <local@domain>`. */
export interface MailDraft {
  /** Left out in an answer: the sender of the mail that is answered. */
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  /** Left out in an answer: `Re: …`. */
  readonly subject?: string;
  readonly markdown: string;
  /** The plain part, where it should differ from the one made of `markdown`. */
  readonly text?: string | null;
  readonly attachments?: readonly SubmittedAttachment[];
  /** RFC 3339, at most a year ahead: not before, and judged again at that time. */
  readonly send_at?: string;
}

/** Argument of `posternStoreDraft`. */
export interface DraftOrder {
  /** The mail on whose authority it is written. */
  readonly delivery: DispatchRef;
  /** True: an answer to that mail. */
  readonly answers: boolean;
  /** From 1: of the drafts written about that mail. With the workflow and the delivery it names the draft, however often it is asked for. */
  readonly number: number;
  readonly draft: MailDraft;
}

/** Result of `posternStoreDraft`: what `outboundMessage` starts with, or the draft that an earlier run made of the same order. */
export type StoredDraft =
  | { readonly kind: "stored"; readonly input: Ticketed<OutboundInput>; readonly task_queue: string }
  | { readonly kind: "known"; readonly draft: DraftId; readonly state: DraftState };

/** What a workflow's code asks its worker before a Nexus operation is begun; not retried when the mail does not allow it. */
export interface NexusGuard {
  posternAllowNexus(call: NexusCall): Promise<void>;
}

export interface NexusCall {
  readonly service: string;
  readonly operation: string;
  /** The mail that the workflow says it deals with; null: none. */
  readonly delivery: DispatchRef | null;
}

/** What became of a draft. `rate_limited`: a cap refused it; try again later. Null: nobody waited for it. */
export interface Sent {
  readonly draft: DraftId;
  readonly state: DraftState | "rate_limited" | null;
}
