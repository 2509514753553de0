import type { FinalOutcome, InboundOutcome, Stage } from "../model/decision.ts";
import type { DecisionId, Id, KeyId, MailboxId, MessageId, PolicyId, TenantId, ThreadId } from "../model/ids.ts";

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
  outcome: FinalOutcome;
  digest: string;
  size: number;
  /** 1 while somebody may still ask for the raw bytes. */
  keeps_raw: Flag;
  from_address: string | null;
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
  outcome: InboundOutcome;
  is_final: Flag;
  body_sha256: string | null;
  at: number;
  decision_json: string;
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
