import type { AuditAction } from "../audit/actions.ts";
import type { Channel, Judged } from "../model/channel.ts";
import type { Actor, Decision, FinalOutcome, InboundOutcome, JudgedAt, OutboundDecision, PolicyPin } from "../model/decision.ts";
import type { Finding } from "../model/finding.ts";
import type { DecisionId, DraftId, Id, KeyId, MailboxId, MessageId, PolicyId, TenantId, ThreadId } from "../model/ids.ts";
import type { Headline, InboundInput, LoopKind, MessageFacts, MessageSource } from "../model/message.ts";
import type { Mode } from "../model/outbound.ts";
import type { OutboundOutcome } from "../model/outbound.ts";
import type { ChannelOperations } from "./contract-channels.ts";
import type { OutboundOperations } from "./contract-outbound.ts";

/**
 * What the rest of Postern asks of SQL: named operations, each one whole transaction, each plain data in and out, each
 * a pure function of the database and its arguments (times, ids and salts are arguments). Times are epoch milliseconds.
 */
export interface Operations extends OutboundOperations, ChannelOperations {
  "store.ping": Op<Record<string, never>, { readonly ok: true }>;

  "tenants.create": Op<{ id: TenantId; name: string; at: number }, TenantRow | Conflict<"name">>;
  "tenants.first": Op<Record<string, never>, TenantRow | null>;

  /** `hash`: SHA-256 of the whole key, hex. The key itself is never stored. */
  "keys.create": Op<NewKey, KeyRow>;
  "keys.find": Op<{ hash: string }, KeyRow | null>;
  /** Revoked ones too. */
  "keys.list": Op<{ tenant: TenantId } & PageArgs, Page<KeyRow>>;
  /** For what lasts longer than one call: whether the key still is what it was. */
  "keys.get": Op<{ tenant: TenantId; id: KeyId }, KeyRow | null>;
  /** Null when the tenant has no such key. Revoking twice keeps the first time. */
  "keys.revoke": Op<{ tenant: TenantId; id: KeyId; at: number }, KeyRow | null>;

  /** Sealed bytes (signing keys); `put` keeps what is there and returns it, so two starts agree on one key. */
  "secrets.get": Op<{ name: string }, string | null>;
  "secrets.put": Op<{ name: string; sealed: string }, string>;

  /** Makes agent, domain (state `local`) and address as needed. Another tenant's domain is a conflict without detail. */
  "mailboxes.create": Op<NewMailbox, MailboxRow | Conflict<"address" | "domain">>;
  "mailboxes.get": Op<{ tenant: TenantId; id: MailboxId }, MailboxRow | null>;
  /** `only`: ids a bound key may see; absent means all of the tenant. */
  "mailboxes.list": Op<{ tenant: TenantId; only?: readonly MailboxId[] } & PageArgs, Page<MailboxRow>>;
  "mailboxes.add_alias": Op<NewAlias, MailboxRow | null | Conflict<"address" | "domain">>;
  /** Exact folded address; the caller tries `local+tag` first, then `local`. */
  "mailboxes.resolve": Op<{ address: string }, { readonly tenant: TenantId; readonly mailbox: MailboxId } | null>;
  "domains.default": Op<{ tenant: TenantId }, string | null>;

  /** The same digest as the current version adds nothing and returns it with `created: false`. */
  "policies.put": Op<NewPolicy, (PolicyRow & { readonly created: boolean }) | null>;
  "policies.current": Op<{ tenant: TenantId; mailbox: MailboxId }, PolicyRow | null>;
  "policies.get": Op<{ tenant: TenantId; id: PolicyId }, PolicyRow | null>;

  /** Which thread the message joins or begins, and whether it is an echo (DESIGN §3 Threads and loops). */
  "threads.resolve": Op<ThreadQuestion, { readonly thread: ThreadId; readonly loop: LoopKind | null }>;

  /** The budget step: returns the recorded final decision if there is one, else charges, records and returns. */
  "inbound.decide": Op<InboundProposal, Judged>;

  /** Of inbound mail. */
  "decisions.final": Op<{ message: MessageId; stage: "inbound" | "release" }, Decision | null>;
  /** The answer for one run of inbound mail: its deferral, or the final decision whoever made it. */
  "decisions.of_run": Op<{ message: MessageId; run: string }, Decision | null>;
  /** Of a draft, by the id of its row in `messages`: the final decision of its latest round. */
  "decisions.of_draft": Op<{ message: MessageId; stage: "submit" | "release" | "send" }, OutboundDecision | null>;
  /** The answer for one run of a draft at stage `submit`: that run's `rate_limited`, or the final decision whoever made it. */
  "decisions.of_submit": Op<{ message: MessageId; run: string }, OutboundDecision | null>;
  "decisions.get": Op<{ tenant: TenantId; id: DecisionId }, DecisionRow | null>;
  /** Of one message or draft, final or not. */
  "decisions.latest": Op<{ tenant: TenantId; message: MessageId }, DecisionRow | null>;
  "decisions.list": Op<
    {
      tenant: TenantId;
      mailbox: MailboxId;
      message?: MessageId;
      thread?: ThreadId;
      outcome?: InboundOutcome | OutboundOutcome;
    } & PageArgs,
    Page<DecisionRow>
  >;

  /** `view: "agent"` shows what was delivered to the agent and what it sent. */
  "messages.get": Op<{ tenant: TenantId; id: MessageId; view: View }, MessageRow | null>;
  /** Inbound ones unless `direction` says otherwise. */
  "messages.list": Op<
    { tenant: TenantId; mailbox: MailboxId; view: View; direction?: "inbound" | "outbound"; outcome?: MessageOutcome } & PageArgs,
    Page<MessageRow>
  >;
  /** Delivered messages with `delivery_seq` over `after`, oldest first; what `wait` reads. */
  "messages.delivered_after": Op<{ tenant: TenantId; mailbox: MailboxId; after: number; limit: number }, readonly MessageRow[]>;
  /** The agent's report; settles the reservation of tokens. A second report replaces the first. Null: no such delivered message. */
  "messages.settle": Op<{ tenant: TenantId; id: MessageId; tokens_consumed: number; at: number }, MessageRow | null>;
  /** True when some row still needs the blob. */
  "messages.references": Op<{ tenant: TenantId; digest: string }, boolean>;

  "receipts.add": Op<ReceiptRow, null>;
  "receipts.list": Op<{ tenant: TenantId; message: MessageId }, readonly ReceiptRow[]>;

  /** An audit entry that stands alone, e.g. a denied capability. Decisions append their own. */
  "audit.append": Op<NewAuditEntry, null>;
  /** What is recorded of a tenant, or of one of its mailboxes. */
  "audit.list": Op<AuditQuestion & PageArgs, Page<AuditListed>>;
  "audit.of_message": Op<{ tenant: TenantId; message: MessageId }, readonly AuditRow[]>;
  /** Erases private details whose time is over; returns how many. Entries stay. */
  "audit.erase_expired": Op<{ now: number; limit: number }, number>;
}

export interface Op<Args, Result> {
  readonly args: Args;
  readonly result: Result;
}

export type OperationName = keyof Operations;
export type Args<K extends OperationName> = Operations[K]["args"];
export type Result<K extends OperationName> = Operations[K]["result"];

/**
 * The port. `run` resolves after the operation is durable (a write) and rejects with a temporary `PosternError`
 * (`unavailable`) when the database cannot be reached; the caller retries. `watch` resolves true when something under
 * `key` has moved since the call, false at the deadline: subscribe first, read, then await. Keys: `message:<id>`,
 * `mailbox:<id>`, `draft:<id>`, `pending:<tenant>`.
 */
export interface Store {
  run<K extends OperationName>(name: K, args: Args<K>): Promise<Result<K>>;
  watch(key: string, timeoutMs: number): Watch;
  close(): Promise<void>;
}

export interface Watch {
  readonly moved: Promise<boolean>;
  /** Frees the subscription before the deadline; `moved` resolves false. */
  cancel(): void;
}

/** `agent` sees what was delivered; `all` is for the tenant's people. */
export type View = "agent" | "all";

/** Newest first. `cursor` is opaque, from the page before. */
export interface PageArgs {
  readonly limit: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

export interface Conflict<What extends string> {
  readonly conflict: What;
}

export interface TenantRow {
  readonly id: TenantId;
  readonly name: string;
  readonly created_at: number;
}

export const SCOPES = ["read", "send", "oversight", "ingest", "admin", "operator"] as const;
export type Scope = (typeof SCOPES)[number];

export interface KeyRow {
  readonly id: KeyId;
  readonly tenant: TenantId;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Null: all mailboxes of the tenant. */
  readonly mailboxes: readonly MailboxId[] | null;
  /**
   * Says where mail that it ingests came from and what was verified of it, and is believed. Threat: whoever has it
   * can bring mail in anybody's name.
   */
  readonly attest: boolean;
  /** First and last characters, for people: `pst_live_…a3f`. */
  readonly masked: string;
  readonly created_at: number;
  readonly revoked_at: number | null;
}

export type NewKey = Omit<KeyRow, "revoked_at" | "attest"> & { readonly hash: string; readonly attest?: boolean };

export interface MailboxRow {
  readonly id: MailboxId;
  readonly tenant: TenantId;
  readonly agent_id: string;
  readonly address: string;
  readonly aliases: readonly string[];
  readonly oversight_mode: Mode;
  /** Gets the copies of a `monitored` mailbox (MM-05); null: nobody does. */
  readonly oversight_address: string | null;
  readonly policy: PolicyPin | null;
  /** Beside pull. */
  readonly channels: readonly Channel[];
  readonly created_at: number;
}

/** `address` folded for matching: local part in lower case, domain as A-labels. `domain` likewise. */
export interface NewMailbox {
  readonly id: MailboxId;
  readonly address_id: Id<"adr">;
  readonly domain_id: Id<"dom">;
  readonly tenant: TenantId;
  readonly agent_id: string;
  readonly address: string;
  readonly domain: string;
  readonly at: number;
}

export interface NewAlias {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly address_id: Id<"adr">;
  readonly domain_id: Id<"dom">;
  readonly address: string;
  readonly domain: string;
  readonly at: number;
}

export interface PolicyRow extends PolicyPin {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  /** The normalised document as JSON. */
  readonly document: string;
  readonly created_at: number;
  readonly actor: Actor;
}

export interface NewPolicy {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly id: PolicyId;
  readonly digest: string;
  readonly document: string;
  readonly at: number;
  readonly actor: Actor;
}

export interface ThreadQuestion {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  /** Message-IDs of In-Reply-To and References, nearest first, at most 100. */
  readonly references: readonly string[];
  readonly rfc_message_id: string | null;
  /** Folded address; null when the identity is ambiguous. */
  readonly sender: string | null;
  readonly verified: boolean;
  readonly automatic: boolean;
  readonly at: number;
  readonly caps: LoopCaps;
}

/** Messages in one rolling hour after which the next one is an echo. */
export interface LoopCaps {
  /** Automatic messages of one sender in one thread. */
  readonly perThread: number;
  /** Messages from one mailbox of this instance to another. */
  readonly perPair: number;
}

/** Windows and budgets of the matched rule. Only asked for when the message is admitted. */
export interface Limits {
  readonly perHour?: number;
  readonly perDay?: number;
  readonly tokensPerThread?: number;
  readonly tokensPerDay?: number;
  readonly onLimit: "refuse" | "defer";
}

/** Verify's and guard's result, on its way to be recorded. */
export interface InboundProposal {
  readonly input: InboundInput;
  readonly facts: MessageFacts | null;
  readonly headline: Headline;
  /** What holds so far; `delivered` becomes final only if the limits allow. */
  readonly outcome: InboundOutcome;
  readonly reason: string;
  readonly judged_at: JudgedAt;
  readonly rule_index: number | null;
  readonly policy: PolicyPin;
  readonly findings: readonly Finding[];
  readonly capabilities: readonly string[];
  readonly limits: Limits | null;
  readonly audit: { readonly retentionDays: number; readonly includeBodyHash: boolean };
  readonly trace: Trace;
  readonly at: number;
  /** Fresh id and salt; unused when a final decision is there already. */
  readonly decision_id: DecisionId;
  readonly audit_id: Id<"aud">;
  readonly salt: string;
}

/** Where in Temporal the decision was made. */
export interface Trace {
  readonly workflow_id: string;
  readonly run_id: string;
  readonly activity_id: string;
}

/** `sent`: outbound, from the moment data goes out; how it fared says its draft. */
export type MessageOutcome = FinalOutcome | "sent";

export interface MessageRow {
  readonly id: MessageId;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly direction: "inbound" | "outbound";
  /** Null for what left. */
  readonly source: MessageSource | null;
  /** Null: nobody has scored it. */
  readonly injection_score: number | null;
  readonly thread: ThreadId;
  readonly outcome: MessageOutcome;
  readonly digest: string;
  readonly size: number;
  readonly from: string | null;
  readonly verified: boolean;
  readonly envelope_sender: string;
  readonly recipient: string;
  readonly subject: string;
  readonly rfc_message_id: string | null;
  readonly automatic: boolean;
  readonly facts: MessageFacts | null;
  readonly capabilities: readonly string[];
  readonly tokens_reserved: number;
  readonly tokens_consumed: number | null;
  readonly received_at: number;
  /** Place in the mailbox's order of delivery; null while not delivered. */
  readonly delivery_seq: number | null;
  /** Null for inbound mail. */
  readonly draft: DraftId | null;
}

export interface DecisionRow {
  readonly decision: Decision<InboundOutcome | OutboundOutcome>;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId | null;
  readonly body_sha256: string | null;
  /** The final decision of the (message, stage) and, outbound, round; false for a deferral and for an outbound `rate_limited`. */
  readonly final: boolean;
}

/** What a peer was told in one SMTP transaction about one message. */
export interface ReceiptRow {
  readonly id: Id<"rcp">;
  readonly tenant: TenantId;
  readonly message: MessageId;
  readonly peer: string;
  readonly helo: string;
  readonly sender: string;
  readonly recipient: string;
  readonly reply: string;
  readonly at: number;
}

export interface NewAuditEntry {
  readonly id: Id<"aud">;
  readonly tenant: TenantId;
  readonly at: number;
  readonly action: AuditAction;
  readonly actor: Actor;
  readonly message: MessageId | null;
  readonly mailbox: MailboxId | null;
  /** Goes into the leaf: facts without personal data. */
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
  /** Goes beside it, erasable. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  readonly salt: string;
  readonly retentionDays: number;
}

export interface AuditQuestion {
  readonly tenant: TenantId;
  readonly mailbox?: MailboxId;
  readonly action?: AuditAction;
  /** Epoch milliseconds: from then on, and before. */
  readonly since?: number;
  readonly until?: number;
}

export interface AuditListed extends AuditRow {
  readonly action: AuditAction;
  readonly actor: string;
  /** Of a key that did it, as it may be shown: `pst_live_…a3f`. Null: none did. */
  readonly key: string | null;
  readonly message: MessageId | null;
  readonly mailbox: MailboxId | null;
}

export interface AuditRow {
  readonly id: Id<"aud">;
  readonly tenant: TenantId;
  readonly at: number;
  /** RFC 8785 JSON. */
  readonly leaf: string;
  readonly leaf_hash: string;
  /** Null once erased. */
  readonly details: Readonly<Record<string, unknown>> | null;
}
