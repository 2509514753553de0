import type { AuditAction } from "../audit/actions.ts";
import type { Channel, DispatchReason, DispatchState } from "../model/channel.ts";
import type { FinalOutcome, InboundOutcome, Stage } from "../model/decision.ts";
import type { HoldAction, HoldActor, HoldId, HoldKind, HoldRefusal, HoldStatus } from "../model/hold.ts";
import type {
  DecisionId,
  DispatchId,
  DkimKeyId,
  DraftId,
  Id,
  KeyId,
  MailboxId,
  MessageId,
  PolicyId,
  SuppressionId,
  TenantId,
  ThreadId,
  WebhookId,
} from "../model/ids.ts";
import type { MessageSource } from "../model/message.ts";
import type { DraftKind, DraftState, Mode, OutboundOutcome, RecipientKind } from "../model/outbound.ts";

/**
 * Tables as the newest migration leaves them. Times are epoch milliseconds, flags 0 or 1, `*_json` RFC 8259 text: the
 * types that SQLite and PostgreSQL share.
 */
export interface Database {
  tenants: TenantsTable;
  keys: KeysTable;
  secrets: SecretsTable;
  agents: AgentsTable;
  domains: DomainsTable;
  mailboxes: MailboxesTable;
  addresses: AddressesTable;
  policies: PoliciesTable;
  messages: MessagesTable;
  participants: ParticipantsTable;
  decisions: DecisionsTable;
  ledger: LedgerTable;
  receipts: ReceiptsTable;
  audit_entries: AuditEntriesTable;
  audit_private: AuditPrivateTable;
  stops: StopsTable;
  mode_codes: ModeCodesTable;
  dkim_keys: DkimKeysTable;
  idempotency: IdempotencyTable;
  drafts: DraftsTable;
  revisions: RevisionsTable;
  holds: HoldsTable;
  approvals: ApprovalsTable;
  attempts: AttemptsTable;
  hold_notes: HoldNotesTable;
  sends: SendsTable;
  sends_by_minute: SendsByMinuteTable;
  deliveries: DeliveriesTable;
  send_attempts: SendAttemptsTable;
  send_carriers: SendCarriersTable;
  contacts: ContactsTable;
  suppressions: SuppressionsTable;
  sink: SinkTable;
  webhooks: WebhooksTable;
  webhook_secrets: WebhookSecretsTable;
  dispatches: DispatchesTable;
}

export type Flag = 0 | 1;

export interface TenantsTable {
  id: TenantId;
  name: string;
  created_at: number;
}

export interface KeysTable {
  id: KeyId;
  tenant: TenantId;
  name: string;
  scopes_json: string;
  mailboxes_json: string | null;
  attest: Flag;
  masked: string;
  hash: string;
  created_at: number;
  revoked_at: number | null;
}

export interface SecretsTable {
  name: string;
  sealed: string;
}

export interface AgentsTable {
  tenant: TenantId;
  id: string;
  created_at: number;
}

export interface DomainsTable {
  id: Id<"dom">;
  tenant: TenantId;
  domain: string;
  state: "local" | "unverified" | "verified";
  created_at: number;
  /** When its DNS records were last looked at. */
  checked_at: number | null;
}

export interface MailboxesTable {
  id: MailboxId;
  tenant: TenantId;
  agent_id: string;
  oversight_mode: string;
  /** The policy in force; null before the first. */
  policy: PolicyId | null;
  /** The last place given out in the order of delivery. */
  delivery_seq: number;
  created_at: number;
  /** Where copies of what a `monitored` mailbox sent go. */
  oversight_address: string | null;
  /** `Channel[]`. */
  channels_json: string;
}

export interface AddressesTable {
  id: Id<"adr">;
  tenant: TenantId;
  mailbox: MailboxId;
  domain: Id<"dom">;
  address: string;
  is_primary: Flag;
  created_at: number;
}

export interface PoliciesTable {
  id: PolicyId;
  tenant: TenantId;
  mailbox: MailboxId;
  version: number;
  digest: string;
  document: string;
  actor: string;
  created_at: number;
}

export interface MessagesTable {
  id: MessageId;
  tenant: TenantId;
  mailbox: MailboxId;
  direction: "inbound" | "outbound";
  thread: ThreadId;
  /** `sent`: of outbound rows, which are made when data goes out. */
  outcome: FinalOutcome | "sent";
  digest: string;
  size: number;
  /** 1 while somebody may still ask for the raw bytes. */
  keeps_raw: Flag;
  from_address: string | null;
  /** How inbound mail came; null for what leaves. */
  source: MessageSource | null;
  /** Of a scorer, which there is none yet. */
  injection_score: number | null;
  /** The same folded, for comparing; empty when the message proves no sender. */
  sender: string;
  verified: Flag;
  envelope_sender: string;
  recipient: string;
  subject: string;
  rfc_message_id: string | null;
  automatic: Flag;
  facts_json: string | null;
  capabilities_json: string;
  tokens_reserved: number;
  tokens_consumed: number | null;
  settled_at: number | null;
  received_at: number;
  delivery_seq: number | null;
  /** Days that private details of this message's audit entries are kept; the policy that judged it said so. */
  retention_days: number;
  /** Of outbound rows. */
  draft: DraftId | null;
}

/** Who took part in a thread: senders of accepted messages, recipients of outbound ones. */
export interface ParticipantsTable {
  thread: ThreadId;
  address: string;
}

export interface DecisionsTable {
  id: DecisionId;
  tenant: TenantId;
  mailbox: MailboxId;
  message: MessageId;
  thread: ThreadId | null;
  run: string;
  stage: Stage;
  outcome: InboundOutcome | OutboundOutcome;
  is_final: Flag;
  body_sha256: string | null;
  at: number;
  decision_json: string;
  /** Of the draft at that time (drafts.round); 1 for inbound mail. One final decision per (message, stage, round). */
  round: number;
}

/** What messages have been charged. One row per (message, ledger): a repeated reservation finds the first. */
export interface LedgerTable {
  message: MessageId;
  ledger: "rate" | "tokens";
  mailbox: MailboxId;
  /** Folded address; empty when the message proves none. */
  sender: string;
  thread: ThreadId;
  amount: number;
  at: number;
}

export interface ReceiptsTable {
  id: Id<"rcp">;
  tenant: TenantId;
  message: MessageId;
  peer: string;
  helo: string;
  sender: string;
  recipient: string;
  reply: string;
  at: number;
}

/** Appended only: the database refuses changes and removals. */
export interface AuditEntriesTable {
  id: Id<"aud">;
  tenant: TenantId;
  message: MessageId | null;
  /** The final decision this is the entry of; null for an entry that stands alone. */
  decision: DecisionId | null;
  at: number;
  /** These two are the leaf's own, and find it. */
  mailbox: MailboxId | null;
  action: AuditAction;
  leaf: string;
  leaf_hash: string;
}

/** Personal data of an entry, and the key of its HMACs: once erased, nobody can tell whose they were. */
export interface AuditPrivateTable {
  entry: Id<"aud">;
  salt: string;
  details_json: string;
  expires_at: number;
}

/** What is stopped: a mailbox, an agent or a whole tenant, by its id. */
export interface StopsTable {
  tenant: TenantId;
  kind: "mailbox" | "agent" | "tenant";
  id: string;
  at: number;
}

/** One-time codes by which an operator lets a mailbox go up to a mode; hashed. */
export interface ModeCodesTable {
  hash: string;
  tenant: TenantId;
  mailbox: MailboxId;
  mode: Mode;
  created_at: number;
  expires_at: number;
  used_at: number | null;
  actor: string;
}

export interface DkimKeysTable {
  id: DkimKeyId;
  tenant: TenantId;
  domain: string;
  selector: string;
  public_key: string;
  sealed: string;
  state: "next" | "active" | "retired";
  created_at: number;
}

export interface IdempotencyTable {
  mailbox: MailboxId;
  key: string;
  tenant: TenantId;
  payload_hash: string;
  draft: DraftId;
  at: number;
  status: number | null;
  answer: string | null;
}

export interface DraftsTable {
  id: DraftId;
  tenant: TenantId;
  mailbox: MailboxId;
  message: MessageId;
  thread: ThreadId;
  kind: DraftKind;
  state: DraftState;
  reason: string;
  mode: Mode;
  author: KeyId;
  in_reply_to: MessageId | null;
  send_at: number | null;
  /** The current one. */
  revision: number;
  /** From 1; a draft that must be approved anew begins another. */
  round: number;
  decision: DecisionId;
  created_at: number;
  updated_at: number;
  retention_days: number;
}

export interface RevisionsTable {
  draft: DraftId;
  number: number;
  tenant: TenantId;
  author: HoldActor;
  source_digest: string;
  source_size: number;
  mime_digest: string;
  mime_size: number;
  content_hash: string;
  envelope_sender: string;
  /** `Recipient[]`. */
  recipients_json: string;
  subject: string;
  rfc_message_id: string;
  created_at: number;
}

/** One row a thing that waits; a draft's next round opens the same row again. */
export interface HoldsTable {
  id: HoldId;
  tenant: TenantId;
  mailbox: MailboxId;
  direction: "inbound" | "outbound";
  kind: HoldKind;
  status: HoldStatus;
  reason: string;
  subject: string;
  /** Addresses. */
  to_json: string;
  from_address: string | null;
  revision: number;
  content_hash: string;
  author: HoldActor | null;
  /** `KeyId[]`; empty: everybody with the scope. */
  approvers_json: string;
  /** `KeyId[]`; they decide too once it is escalated. */
  escalate_to_json: string;
  quorum: number;
  trust_namespace: Flag;
  remind_at: number | null;
  escalate_at: number | null;
  expires_at: number;
  reminded_at: number | null;
  escalated_at: number | null;
  created_at: number;
  decided_at: number | null;
}

/** Who stands behind the revision that waits. */
export interface ApprovalsTable {
  hold: HoldId;
  actor: HoldActor;
  content_hash: string;
  at: number;
}

/** Appended only: the database refuses changes. */
export interface AttemptsTable {
  nonce: string;
  hold: HoldId;
  tenant: TenantId;
  action: HoldAction;
  actor: HoldActor;
  content_hash: string | null;
  via: "update" | "signal" | "door";
  result: "accepted" | HoldRefusal;
  /** `HoldAnswer`. */
  answer_json: string;
  revision: number;
  at: number;
}

export interface HoldNotesTable {
  nonce: string;
  hold: HoldId;
  tenant: TenantId;
  note: string;
  at: number;
  /** A person's words are erased with the private details of the audit entry that repeats them. */
  expires_at: number;
}

/** Reservations in the rolling windows of a mailbox: one row a draft, dated again at send. */
export interface SendsTable {
  draft: DraftId;
  tenant: TenantId;
  mailbox: MailboxId;
  at: number;
}

/** How many of `sends` lie in each minute since the epoch. INVARIANT: the database counts, nobody else writes here. */
export interface SendsByMinuteTable {
  mailbox: MailboxId;
  minute: number;
  number: number;
}

export interface DeliveriesTable {
  draft: DraftId;
  /** As the author wrote it; one row for what folds to the same. */
  recipient: string;
  kind: RecipientKind;
  state: "pending" | "accepted" | "deferred" | "refused" | "unknown";
  attempt: number;
  code: number | null;
  enhanced: string | null;
  reply: string | null;
  at: number;
}

/** INVARIANT (DESIGN §9.7): a unique index lets one row of a draft be in `connect`, `data` or `unknown`. */
export interface SendAttemptsTable {
  draft: DraftId;
  attempt: number;
  phase: "connect" | "data" | "done" | "unknown" | "given_up";
  content_hash: string;
  recipients_json: string;
  opened_at: number;
  claimed_at: number | null;
  ended_at: number | null;
  /** Audit id of the claim; null before it, and of claims by older releases. */
  claim: string | null;
}

/** Who is long at the attempt that he has claimed, and until when he is believed to be. */
export interface SendCarriersTable {
  draft: DraftId;
  /** Audit id of the claim. */
  claim: string;
  until: number;
}

/** Domains a mailbox has written to. */
export interface ContactsTable {
  mailbox: MailboxId;
  domain: string;
  first_at: number;
}

export interface SuppressionsTable {
  id: SuppressionId;
  tenant: TenantId;
  /** Folded. */
  address: string;
  reason: "HardBounce" | "SpamComplaint" | "manual";
  source: string;
  created_at: number;
  expires_at: number | null;
  ended_at: number | null;
}

export interface SinkTable {
  id: Id<"snk">;
  tenant: TenantId;
  mailbox: MailboxId;
  draft: DraftId;
  envelope_sender: string;
  recipients_json: string;
  digest: string;
  size: number;
  at: number;
}

export interface WebhooksTable {
  id: WebhookId;
  tenant: TenantId;
  url: string;
  description: string;
  /** 1: registered by the short route, whose receivers know the time stamp by another name as well. */
  agentpack: Flag;
  created_at: number;
}

/** The newest, which has no end, and during a rotation the one before. */
export interface WebhookSecretsTable {
  id: string;
  webhook: WebhookId;
  sealed: string;
  created_at: number;
  expires_at: number | null;
}

/** One row a (message, channel). */
export interface DispatchesTable {
  id: DispatchId;
  tenant: TenantId;
  mailbox: MailboxId;
  message: MessageId;
  thread: ThreadId;
  kind: Channel["kind"];
  webhook: WebhookId | null;
  /** As it was set when the message was delivered. */
  channel_json: string;
  state: DispatchState;
  /** Of the last attempt, unless it arrived. */
  reason: DispatchReason | null;
  /** HTTP status of the last attempt that had one. */
  status: number | null;
  /** Since it was (last) put in line. */
  attempts: number;
  created_at: number;
  /** When it was (last) put in line: its time to arrive runs from here. */
  due_at: number;
  /** Time of its grant: all attempts carry the same body. */
  minted_at: number;
  attempted_at: number | null;
  ended_at: number | null;
}
