import type { Channel } from "../model/channel.ts";
import type { Actor, OutboundDecision, PolicyPin } from "../model/decision.ts";
import type { DeliveryState } from "../model/delivery.ts";
import type { Finding } from "../model/finding.ts";
import type { HoldAction, HoldActor, HoldAnswer, HoldId, HoldKind, HoldRefusal, HoldStatus, HoldTimes } from "../model/hold.ts";
import type { DecisionId, DkimKeyId, DraftId, Id, KeyId, MailboxId, MessageId, SuppressionId, TenantId, ThreadId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import type { DraftKind, DraftState, Mode, OutboundInput, Recipient, RevisionRef } from "../model/outbound.ts";
import type { Conflict, MailboxRow, Op, Page, PageArgs, Trace } from "./contract.ts";
import type { UnfitChannel } from "./contract-channels.ts";

/** Operations of the outbound path; one registry with `Operations`. The same rules: whole, pure, plain, times in epoch ms. */
export interface OutboundOperations {
  // Submitting. INVARIANT: one (mailbox, key) names one draft for ever; a second caller gets the first one's ids.
  /** Same key and payload: the row that is there (its `answer` null while in flight). Other payload: conflict. */
  "idempotency.begin": Op<NewIdempotency, IdempotencyRow | Conflict<"payload">>;
  /** Pins the answer for good. */
  "idempotency.settle": Op<{ mailbox: MailboxId; key: string; status: number; answer: string }, null>;
  /**
   * 429 is not pinned: the same key may be used again, for another draft. Only while unsettled and without a draft. Not
   * for a 5xx, whose run may still be under way: the key left unsettled already leads the same payload to the same draft.
   */
  "idempotency.release": Op<{ mailbox: MailboxId; key: string; draft: DraftId }, null>;
  /** Upkeep: rows from before `before` whose draft has come to its end, or was never made. Returns how many went. */
  "idempotency.prune": Op<{ before: number; limit: number }, number>;

  // Screening.
  /** Everything screening asks of SQL, read in one transaction. Null: no such mailbox. */
  "outbound.facts": Op<ScreeningQuestion, ScreeningFacts | null>;
  /**
   * One transaction for stage `submit` and again for `send`: the recorded final decision of (message, stage, round) if
   * there is one; else what can have moved since the facts were read is checked again (stops, mode, suppressions, caps),
   * and draft, revision, hold, reservation, decision and audit entry are written. What it returns is the verdict.
   */
  "outbound.screen": Op<ScreenProposal, Screened>;

  /** How full the windows are: what `RateLimit-*` and `Retry-After` say. */
  "outbound.windows": Op<{ tenant: TenantId; mailbox: MailboxId; caps: SendCaps; at: number }, SendWindows | null>;

  // Drafts.
  "drafts.get": Op<{ tenant: TenantId; id: DraftId }, DraftRow | null>;
  "drafts.list": Op<{ tenant: TenantId; mailbox: MailboxId; state?: DraftState; kind?: DraftKind } & PageArgs, Page<DraftRow>>;
  "revisions.list": Op<{ tenant: TenantId; draft: DraftId }, readonly RevisionRow[]>;
  /** The agent (or an admin) takes a draft back before data has gone out. */
  "drafts.deliveries": Op<{ tenant: TenantId; draft: DraftId }, readonly DeliveryRow[]>;

  /** Upkeep: mailboxes of all tenants, by id, whose drafts and holds are to have a workflow. */
  "mailboxes.after": Op<{ after: MailboxId | null; limit: number }, readonly { readonly tenant: TenantId; readonly id: MailboxId }[]>;

  // Holds.
  "holds.get": Op<{ tenant: TenantId; id: HoldId }, HoldRow | null>;
  "holds.list": Op<
    {
      tenant: TenantId;
      mailboxes?: readonly MailboxId[];
      direction?: "inbound" | "outbound";
      mailbox?: MailboxId;
      status?: HoldStatus;
    } & PageArgs,
    Page<HoldRow>
  >;
  /** What the person said with an attempt, kept apart from histories: named by the token's nonce. Idempotent. */
  "holds.note": Op<{ tenant: TenantId; hold: HoldId; nonce: string; note: string; at: number }, null>;
  /**
   * The one place where an attempt counts or does not (model/hold-state.ts judges): today's approvers, key state, hash,
   * four eyes, single use of the nonce. Records the attempt either way; idempotent by nonce.
   */
  "holds.decide": Op<HoldAttempt, HoldAnswer>;
  /** An attempt that never reached the workflow (it is closed, or its token is bad), recorded by the door or the activity. */
  "holds.refused": Op<Omit<HoldAttempt, "edit"> & { readonly code: HoldRefusal }, null>;
  "holds.attempts": Op<{ tenant: TenantId; hold: HoldId }, readonly AttemptRow[]>;
  /** What an attempt was told; null: it is not on record. Watched as `attemptKey` (model/hold.ts). */
  "holds.answer": Op<{ tenant: TenantId; hold: HoldId; nonce: string }, HoldAnswer | null>;
  /** The last signed approval that came by update and decided; null: there is none. */
  "holds.approval": Op<{ tenant: TenantId; hold: HoldId }, ApprovalWord | null>;
  /** A timer of the workflow fired. `expire` ends a hold that still waits; the others are audited once. Returns where the hold is now. */
  "holds.timer": Op<HoldTimer, { readonly status: HoldStatus }>;

  // Sending.
  /** A draft that may be about to leave, with all that is asked of it, as of one moment. */
  "sends.look": Op<{ tenant: TenantId; draft: DraftId; at: number }, SendLook | null>;
  /** A new attempt in phase `connect`, for the recipients that may be tried; or why there is none. */
  "sends.open": Op<SendOpening, SendOpened>;
  /**
   * INVARIANT (DESIGN §4.5, §9.7): connect → data, compare-and-set on the attempt; checks again everything that may forbid it.
   * A refused claim ends the attempt.
   */
  "sends.claim": Op<SendClaim, { readonly claimed: true } | ({ readonly claimed: false } & SendBar)>;
  /** Whoever made the claim is still at it: to be said every few seconds, or the attempt is left behind as of unknown fate. */
  "sends.carry": Op<SendCarry, null>;
  /**
   * What the peer said. Without a claim only refusals and deferrals before DATA may be recorded. Idempotent by attempt.
   * `retry`: somebody may be tried again.
   */
  "sends.record": Op<SendRecord, { readonly state: DraftState; readonly retry: boolean }>;
  /** A person's word on what is unknown: who may approve the draft may say it. Recorded either way, once a nonce. */
  "sends.settle": Op<SendSettlement, HoldAnswer>;
  /**
   * The last word of the workflow when nobody is to be tried any more (five days over, stopped for as long). Changes nothing of
   * a draft that has ended, or whose fate is unknown.
   */
  "sends.finish": Op<SendFinish, { readonly state: DraftState }>;

  // The sandbox's sink.
  "sink.put": Op<NewSinkRow, null>;
  "sink.list": Op<{ tenant: TenantId; mailbox?: MailboxId } & PageArgs, Page<SinkRow>>;
  "sink.get": Op<{ tenant: TenantId; id: Id<"snk"> }, SinkRow | null>;

  // Suppressions (PB-19, PB-20).
  /** An address that is suppressed already keeps the later end. */
  "suppressions.put": Op<NewSuppression, SuppressionRow>;
  "suppressions.list": Op<{ tenant: TenantId; at: number; address?: string } & PageArgs, Page<SuppressionRow>>;
  "suppressions.end": Op<{ tenant: TenantId; id: SuppressionId; at: number; actor: Actor } & Fresh, SuppressionRow | null>;

  // Oversight of mailboxes, agents, tenants.
  /** Audited. An unused code for the same mailbox and mode is replaced: one at a time. */
  "oversight.put_code": Op<NewModeCode, null>;
  /**
   * What is given changes together, or nothing does. Mode: down is free; up needs the hash of an unused code for this
   * mailbox and mode. `monitored` needs an address (MM-05). `channels`: all of them at once, for mail that is delivered from
   * now on. Audited with old, new, actor.
   */
  "mailboxes.change": Op<MailboxChange, MailboxRow | null | { readonly refused: ModeRefusal } | UnfitChannel>;
  /** The kill switch. `stopped: false` lets mail flow again. Returns the drafts under way, so that they can be woken. */
  "oversight.stop": Op<StopChange, { readonly drafts: readonly DraftId[] } | null>;
  "oversight.stops": Op<{ tenant: TenantId }, readonly StopRow[]>;

  // Domains (MB-19, PB-01).
  /** A domain of the tenant's own that was only `local` becomes `unverified`; one that was claimed already stays as it is. */
  "domains.claim": Op<
    { tenant: TenantId; id: Id<"dom">; domain: string; at: number; key: NewDkimKey } & Fresh & { actor: Actor },
    DomainRow | Conflict<"domain">
  >;
  "domains.get": Op<{ tenant: TenantId; domain: string }, DomainRow | null>;
  "domains.list": Op<{ tenant: TenantId } & PageArgs, Page<DomainRow>>;
  "domains.set_state": Op<
    { tenant: TenantId; domain: string; state: DomainRow["state"]; at: number } & Fresh & { actor: Actor },
    DomainRow | null
  >;
  /** Adds a key in state `next`, unless one is there; `activate` makes it the one that signs and retires the old one. */
  "dkim.add": Op<{ tenant: TenantId; domain: string; key: NewDkimKey; at: number } & Fresh & { actor: Actor }, DomainRow | null>;
  "dkim.activate": Op<{ tenant: TenantId; domain: string; id: DkimKeyId; at: number } & Fresh & { actor: Actor }, DomainRow | null>;
  /** The key that signs for the domain; one is kept (`offer`) where there is none yet. Null: not the tenant's domain. */
  "dkim.signing": Op<{ tenant: TenantId; domain: string; offer: NewDkimKey; at: number } & Fresh, DkimKeyRow | null>;
}

/** Names an operation needs for the audit entry it appends. */
export interface Fresh {
  readonly audit_id: Id<"aud">;
  readonly salt: string;
}

export interface NewIdempotency {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly key: string;
  /** SHA-256 of the canonical request, hex. */
  readonly payload_hash: string;
  readonly draft: DraftId;
  readonly at: number;
}

export interface IdempotencyRow extends NewIdempotency {
  readonly status: number | null;
  /** JSON body of the pinned answer. */
  readonly answer: string | null;
}

export interface ScreeningQuestion {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly draft: DraftId | null;
  readonly thread: ThreadId;
  readonly author: KeyId;
  readonly in_reply_to: MessageId | null;
  /** Folded addresses. */
  readonly recipients: readonly string[];
  readonly at: number;
}

/** What SQL knows when a draft is screened. */
export interface ScreeningFacts {
  readonly mode: Mode;
  readonly stopped: "mailbox" | "agent" | "tenant" | null;
  /** Or it never was one that may send from this mailbox. */
  readonly author_revoked: boolean;
  /** Folded addresses among the recipients. */
  readonly suppressed: readonly string[];
  /** Messages of this mailbox reserved in the rolling windows, without this draft's own reservation. */
  readonly sends: { readonly lastHour: number; readonly lastDay: number };
  /** Folded domains among the recipients that this mailbox has never sent to. */
  readonly new_domains: readonly string[];
  /** The thread holds a quarantined or unauthenticated message. */
  readonly tainted: boolean;
  /** The message that is answered is automatic. */
  readonly automatic_source: boolean;
  readonly policy: (PolicyPin & { readonly document: string }) | null;
  readonly address: string;
  readonly oversight_address: string | null;
}

/**
 * Screening's result on its way to be recorded. At `send` a draft that needs approval is proposed as `pending_send_approval`
 * again: whether the approval it has still fits is judged where it is recorded, by the approvals of the policy in force.
 */
export interface ScreenProposal extends Fresh {
  readonly input: OutboundInput;
  readonly stage: "submit" | "send";
  readonly revision: RevisionRef;
  readonly content: RevisionContent;
  readonly outcome: "blocked" | "rate_limited" | "pending_send_approval" | "queued";
  readonly reason: string;
  readonly judged_at: OutboundDecision["judged_at"];
  readonly policy: PolicyPin;
  readonly findings: readonly Finding[];
  readonly mode: Mode;
  readonly caps: SendCaps;
  readonly audit: { readonly retentionDays: number };
  readonly trace: Trace;
  readonly at: number;
  readonly decision_id: DecisionId;
}

/** What is known of a revision beside its bytes. */
export interface RevisionContent {
  readonly source: MessageRef;
  readonly author: HoldActor;
  readonly envelope_sender: string;
  readonly recipients: readonly Recipient[];
  readonly subject: string;
  readonly rfc_message_id: string;
}

export interface SendCaps {
  readonly perHour: number;
  readonly perDay: number;
}

/** Who may decide, how many must, and until when: the policy's `outbound.approvals` at this time. */
export interface NewHold {
  /** Empty: every key of the tenant with the scope `oversight` that may see the mailbox. */
  readonly approvers: readonly KeyId[];
  /** May decide too once the hold is escalated. */
  readonly escalate_to?: readonly KeyId[];
  readonly quorum: number;
  readonly trust_namespace: boolean;
  readonly times: HoldTimes;
}

/** `free_at`: epoch ms when one more message fits, if none is sent until then; `at` itself where one fits now. */
export interface SendWindows {
  readonly hour: { readonly used: number; readonly free_at: number };
  readonly day: { readonly used: number; readonly free_at: number };
}

export type Screened =
  | {
      readonly kind: "decided";
      readonly decision: OutboundDecision;
      readonly hold: HoldTimes | null;
      /**
       * Epoch ms when to look again: at `submit` of what is `rate_limited`, at `send` of a draft that is over a cap or
       * stopped, whose `reason` says so and whose standing decision comes with it. Null: nothing is in the way of `decision`.
       */
      readonly wait_until: number | null;
      /** The first attempt at a draft that was made here and may leave at once; else null. As in a `SendLook`. */
      readonly ready: SendAttempt | null;
    }
  /** The approval does not fit today's documents: the draft waits again, approvals are void (DESIGN §4.5). */
  | { readonly kind: "stale"; readonly decision: OutboundDecision; readonly hold: HoldTimes };

export interface DraftRow {
  readonly id: DraftId;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly kind: DraftKind;
  readonly state: DraftState;
  /** Why it is there; a code. */
  readonly reason: string;
  readonly mode: Mode;
  readonly author: KeyId;
  readonly in_reply_to: MessageId | null;
  readonly send_at: number | null;
  readonly revision: RevisionRow;
  readonly created_at: number;
  readonly updated_at: number;
  /** The decision of submitting: of the latest round, or the one of sending that blocked it. */
  readonly decision: DecisionId;
}

export interface RevisionRow extends RevisionContent {
  readonly number: number;
  readonly content_hash: string;
  readonly mime: MessageRef;
  readonly created_at: number;
}

export interface HoldRow {
  readonly id: HoldId;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly direction: "inbound" | "outbound";
  readonly kind: HoldKind;
  readonly status: HoldStatus;
  readonly reason: string;
  readonly subject: string;
  readonly to: readonly string[];
  readonly from: string | null;
  readonly revision: number;
  readonly content_hash: string;
  /** Actor of the current revision; null for inbound mail. */
  readonly author: HoldActor | null;
  readonly approvers: readonly KeyId[];
  readonly quorum: number;
  /** Who has approved the current revision. */
  readonly approved_by: readonly HoldActor[];
  readonly trust_namespace: boolean;
  readonly times: HoldTimes;
  readonly reminded_at: number | null;
  readonly escalated_at: number | null;
  readonly created_at: number;
  readonly decided_at: number | null;
}

/** An approval as its token said it. */
export interface ApprovalWord {
  readonly nonce: Id<"jti">;
  readonly actor: KeyId;
  readonly content_hash: string | null;
}

export interface HoldAttempt extends Fresh {
  readonly tenant: TenantId;
  readonly hold: HoldId;
  readonly action: HoldAction;
  readonly actor: HoldActor;
  /** What the actor saw; null where it was left out. */
  readonly content_hash: string | null;
  /** Of the token; for an unsigned signal made from run and event, so that a retry is the same attempt. */
  readonly nonce: string;
  readonly via: "update" | "signal" | "door";
  /** False: unsigned; counts only under `trustNamespace`. */
  readonly signed: boolean;
  /** A new revision, already composed; only with `edit`. */
  readonly edit: { readonly revision: RevisionRef; readonly content: RevisionContent } | null;
  readonly trace: Trace;
  readonly at: number;
  /** For the decision that a final attempt makes (stage `release`). */
  readonly decision_id: DecisionId;
}

export interface AttemptRow {
  readonly nonce: string;
  readonly action: HoldAction;
  readonly actor: HoldActor;
  readonly content_hash: string | null;
  readonly via: HoldAttempt["via"];
  readonly result: "accepted" | HoldRefusal;
  readonly note: string | null;
  readonly revision: number;
  readonly at: number;
}

export interface HoldTimer extends Fresh {
  readonly tenant: TenantId;
  readonly hold: HoldId;
  readonly event: "remind" | "escalate" | "expire";
  readonly trace: Trace;
  readonly at: number;
  readonly decision_id: DecisionId;
}

export interface DeliveryRow {
  readonly draft: DraftId;
  readonly recipient: string;
  readonly state: DeliveryState;
  /** Of the last attempt that reached it. */
  readonly attempt: number;
  /** SMTP reply code and enhanced status code; null before any. */
  readonly code: number | null;
  readonly enhanced: string | null;
  /** First line of the reply, at most 500 characters, well-formed; private. */
  readonly reply: string | null;
  readonly at: number;
}

/** What is known of the draft by today's policy, to be checked against what SQL knows in the same transaction. */
export interface SendTerms {
  readonly tenant: TenantId;
  readonly draft: DraftId;
  readonly content_hash: string;
  /** The version that was judged by; when another is in force the draft must be screened again. */
  readonly policy: PolicyPin;
  /** Effective mode by policy and thread; a stricter one in the mailbox's row counts. */
  readonly mode: Mode;
  /** Judging found that people must be asked, whatever the mode says. */
  readonly approval: boolean;
  readonly caps: SendCaps;
  readonly trace: Trace;
  readonly at: number;
}

/** The entry is that of an earlier attempt whose fate turns out to be unknown. */
export interface SendOpening extends SendTerms, Fresh {}

/**
 * Why nothing may be sent now. `rejudge`: the policy has changed since the draft was judged. `carried`: somebody else is at it,
 * and may be anywhere.
 */
export type SendStop =
  | "carried"
  | "lost"
  | "stopped"
  | "mode"
  | "suppressed"
  | "author_revoked"
  | "not_approved"
  | "rejudge"
  | "cancelled"
  | "limit"
  | "done"
  | "unknown";

/** `until`: epoch ms when one more message fits, with `limit`; until when he is believed to be, with `carried`; else null. */
export interface SendBar {
  readonly why: SendStop;
  readonly until: number | null;
}

/** `facts`: null when there is no such mailbox any more. */
export interface SendLook {
  readonly draft: DraftRow;
  readonly facts: ScreeningFacts | null;
  /** What `sends.open` would say of a draft that nobody was asked about; null: it has to be asked. */
  readonly ready: SendAttempt | null;
}

/** An attempt that may be made. */
export type SendAttempt = Extract<SendOpened, { kind: "open" }>;

export type SendOpened =
  | {
      readonly kind: "open";
      readonly attempt: number;
      /** False: nothing of the attempt is written yet, and whoever claims it first has it. */
      readonly on_record: boolean;
      readonly envelope_sender: string;
      /** Addresses as written, of deliveries that are pending or definitely deferred. */
      readonly recipients: readonly string[];
      /** A person approved these bytes. */
      readonly reviewed: boolean;
    }
  | ({ readonly kind: "stopped"; readonly state: DraftState } & SendBar);

export interface SendClaim extends SendTerms, Fresh, Pick<SendAttempt, "attempt" | "on_record"> {
  /** Those among the attempt's recipients that the peer has taken: only with them can anything be unknown afterwards. */
  readonly accepted: readonly string[];
  readonly decision_id: DecisionId;
}

export interface SendCarry {
  readonly draft: DraftId;
  /** Audit id of the claim. */
  readonly claim: string;
  readonly at: number;
}

/** A person's word on deliveries of unknown fate: they have it, or they do not. */
export type Settlement = "sent" | "failed";

export interface SendSettlement {
  readonly tenant: TenantId;
  readonly draft: DraftId;
  readonly action: "resend" | "settle";
  /** With `settle`; default `sent`. */
  readonly as?: Settlement;
  readonly attempt: HoldAttempt;
}

export interface SendFinish extends Fresh {
  readonly tenant: TenantId;
  readonly draft: DraftId;
  readonly state: "failed" | "cancelled";
  /** A code. */
  readonly reason: string;
  readonly trace: Trace;
  readonly at: number;
}

export interface SendRecord extends Fresh, Pick<SendAttempt, "attempt" | "on_record"> {
  readonly tenant: TenantId;
  readonly draft: DraftId;
  readonly content_hash: string;
  /** Audit id of the claim that was asked for, whatever became of it; null: none was. */
  readonly claim: Id<"aud"> | null;
  /** `unknown`: cut after DATA began. */
  readonly end: "completed" | "failed_before_data" | "unknown";
  readonly replies: readonly {
    readonly recipient: string;
    readonly code: number | null;
    readonly enhanced: string | null;
    readonly text: string;
  }[];
  readonly trace: Trace;
  readonly at: number;
}

export interface NewSinkRow {
  readonly id: Id<"snk">;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly draft: DraftId;
  readonly envelope_sender: string;
  readonly recipients: readonly string[];
  readonly message: MessageRef;
  readonly at: number;
}
export type SinkRow = NewSinkRow;

export interface SuppressionRow {
  readonly id: SuppressionId;
  readonly tenant: TenantId;
  /** Folded. */
  readonly address: string;
  readonly reason: "HardBounce" | "SpamComplaint" | "manual";
  readonly source: string;
  readonly created_at: number;
  /** Null: for good. */
  readonly expires_at: number | null;
  readonly ended_at: number | null;
}
export type NewSuppression = Omit<SuppressionRow, "ended_at"> & Fresh & { readonly actor: Actor };

export interface NewModeCode extends Fresh {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly mode: Mode;
  /** SHA-256 of the code, hex. */
  readonly hash: string;
  readonly expires_at: number;
  readonly at: number;
  readonly actor: Actor;
}

export type ModeRefusal = "code_required" | "code_invalid" | "address_required";

/** What is left out stays as it is. */
export interface MailboxChange extends Fresh {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly mode?: Mode;
  /** Null or left out: none was given. */
  readonly code_hash?: string | null;
  readonly address?: string | null;
  readonly channels?: readonly Channel[];
  readonly actor: Actor;
  readonly at: number;
}

export interface StopChange extends Fresh {
  readonly tenant: TenantId;
  readonly target: { readonly mailbox: MailboxId } | { readonly agent: string } | { readonly tenant: true };
  readonly stopped: boolean;
  readonly actor: Actor;
  readonly at: number;
}

export interface StopRow {
  readonly kind: "mailbox" | "agent" | "tenant";
  /** Mailbox id, agent id or tenant id. */
  readonly id: string;
  readonly at: number;
}

export interface DomainRow {
  readonly id: Id<"dom">;
  readonly tenant: TenantId;
  readonly domain: string;
  readonly state: "local" | "unverified" | "verified";
  readonly keys: readonly DkimKeyRow[];
  readonly created_at: number;
  readonly checked_at: number | null;
}

export interface DkimKeyRow {
  readonly id: DkimKeyId;
  readonly selector: string;
  /** SubjectPublicKeyInfo, base64: the `p=` of the DNS record. */
  readonly public_key: string;
  /** PKCS #8 PEM sealed by the instance's secret key. Shown to nobody. */
  readonly sealed: string;
  readonly state: "next" | "active" | "retired";
  readonly created_at: number;
}
export type NewDkimKey = Omit<DkimKeyRow, "state" | "created_at">;
