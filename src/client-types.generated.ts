// Generated from the schemas of the HTTP door: `node src/dev/generate.ts --write`. What its answers look like.

/* oxlint-disable */

export type Allocated = {
  readonly address: string;
};

export type Allocation = {
  /** Your name for the agent that owns the mailbox. */
  readonly agent_id: string;
  /** What stands before the `@`; no `+`. */
  readonly local_part: string;
};

export type AuditEntry = {
  readonly id: string;
  readonly at: string;
  readonly leaf: string;
  readonly leaf_hash: string;
  readonly details: Readonly<Record<string, unknown>> | null;
};

export type AuditPage = {
  readonly entries: readonly ListedAuditEntry[];
  /** For the next page; null on the last. */
  readonly cursor: string | null;
};

export type ChangedMailbox = (Mailbox) & ({
  /** Channels that are set and lead to nobody at the moment. */
  readonly warnings: readonly ({
    readonly path: string;
    readonly message: string;
  })[];
});

export type Channel = WebhookChannel | WorkflowChannel;

export type CheckedDomain = {
  readonly id: string;
  readonly domain: string;
  /** `local`: came with a mailbox. `verified`: DNS shows the key, so the domain is its owner's to send for. */
  readonly state: "local" | "unverified" | "verified";
  /** DKIM keys, newest first. The private parts leave the instance never. */
  readonly keys: readonly ({
    readonly id: string;
    readonly selector: string;
    readonly state: "next" | "active" | "retired";
    readonly created_at: string;
  })[];
  readonly created_at: string;
  /** When DNS was last looked at. */
  readonly checked_at: string | null;
  readonly records: readonly ({
    readonly purpose: "dkim" | "spf" | "dmarc";
    readonly type: "TXT";
    readonly name: string;
    readonly value: string;
    /** The value in strings of at most 255, for name servers that want it cut. */
    readonly strings: readonly string[];
    readonly note: string;
    /** `unknown`: DNS did not answer. */
    readonly status: "ok" | "missing" | "differs" | "unknown";
    /** What is published. */
    readonly found: readonly string[];
  })[];
};

export type Decided = {
  readonly id: string;
  /** Where it is now; it waits on until enough have approved. */
  readonly status: "pending_send_approval" | "pending_inbound_approval" | "approved" | "rejected" | "expired" | "cancelled";
  readonly approvals: number;
  readonly quorum: number;
  readonly revision: number;
};

export type Decision = {
  readonly id: string;
  readonly message_id: string;
  readonly mailbox_id: string;
  readonly thread_id: string | null;
  /** Temporal run that judged. */
  readonly run_id: string;
  readonly direction: "inbound" | "outbound";
  readonly stage: "inbound" | "release" | "submit" | "send";
  readonly final: boolean;
  readonly outcome: "delivered" | "held" | "quarantined" | "rejected_at_verification" | "rejected_at_policy" | "rejected_at_content_guard" | "rate_limited" | "budget_exhausted" | "discarded" | "deferred" | "pending_send_approval" | "queued" | "blocked" | "rejected" | "expired" | "cancelled" | "sending";
  readonly reason: string;
  /** Step of the order of judgement that settled it. */
  readonly judged_at: string;
  readonly rule_index: number | null;
  readonly policy: {
    readonly id: string;
    readonly version: number;
    readonly digest: string;
  };
  readonly findings: readonly Finding[];
  readonly verification: Verification;
  readonly capabilities: readonly string[];
  readonly reservations: readonly Reservation[];
  readonly body_sha256: string | null;
  readonly supersedes: string | null;
  readonly at: string;
  readonly actor: string;
};

export type DecisionPage = {
  readonly items: readonly Decision[];
  readonly next_cursor: string | null;
};

export type Delivery = {
  readonly recipient: string;
  readonly state: "pending" | "accepted" | "deferred" | "refused" | "unknown";
  /** SMTP reply code of the last attempt that reached it. */
  readonly code: number | null;
  /** Enhanced status code, RFC 3463. */
  readonly enhanced: string | null;
  readonly reply: string | null;
  readonly attempt: number;
  readonly at: string;
};

export type DiffLine = {
  readonly op: "kept" | "removed" | "added" | "skipped";
  /** The line; of `skipped` how many unchanged lines are left out. */
  readonly text: string;
};

export type Domain = {
  readonly id: string;
  readonly domain: string;
  /** `local`: came with a mailbox. `verified`: DNS shows the key, so the domain is its owner's to send for. */
  readonly state: "local" | "unverified" | "verified";
  /** DKIM keys, newest first. The private parts leave the instance never. */
  readonly keys: readonly ({
    readonly id: string;
    readonly selector: string;
    readonly state: "next" | "active" | "retired";
    readonly created_at: string;
  })[];
  readonly created_at: string;
  /** When DNS was last looked at. */
  readonly checked_at: string | null;
  /** What to publish. */
  readonly records: readonly ({
    readonly purpose: "dkim" | "spf" | "dmarc";
    readonly type: "TXT";
    readonly name: string;
    readonly value: string;
    /** The value in strings of at most 255, for name servers that want it cut. */
    readonly strings: readonly string[];
    readonly note: string;
  })[];
};

export type DomainPage = {
  readonly items: readonly Domain[];
  readonly next_cursor: string | null;
};

export type Draft = {
  readonly id: string;
  readonly message_id: string;
  readonly mailbox_id: string;
  readonly thread_id: string;
  readonly status: "pending_send_approval" | "queued" | "sending" | "sent" | "delivered" | "bounced" | "complained" | "blocked" | "rejected" | "expired" | "cancelled" | "failed" | "unknown";
  /** Why it is there; a code. */
  readonly reason: string;
  /** Oversight mode it is judged by. */
  readonly mode: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous";
  readonly subject: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly revision: number;
  /** What an approval is for: recipients and bytes of this revision. */
  readonly content_hash: string;
  /** Explained by `GET /v1/decisions/{id}/explain`. */
  readonly decision_id: string;
  readonly in_reply_to: string | null;
  readonly send_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  /** One a recipient; empty in lists. */
  readonly deliveries: readonly Delivery[];
  /** Who did what to it, and why. For people: empty for agents, and in lists. */
  readonly attempts: readonly HoldAttempt[];
};

export type DraftPage = {
  readonly items: readonly Draft[];
  readonly next_cursor: string | null;
};

export type DryRun = {
  readonly status: "dry_run";
  readonly would_send_to: readonly string[];
  readonly decision: {
    readonly outcome: string;
    readonly reason: string;
    readonly judged_at: string;
    readonly mode: string;
    readonly refused: readonly string[];
    readonly findings: readonly Finding[];
  };
};

export type EditRequest = {
  /** Addresses, also as `Name <local@domain>`. */
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  /** In no header; people who approve see them. */
  readonly bcc?: readonly string[];
  readonly subject: string;
  /** Becomes text and HTML; HTML in it is shown as text. */
  readonly markdown: string;
  /** The plain part, where it should differ from the one made of `markdown`. */
  readonly text?: string | null;
  readonly attachments?: readonly ({
    readonly filename: string;
    readonly content_type: string;
    /** Base64, RFC 4648 §4, without line breaks. */
    readonly content: string;
  })[];
  readonly content_hash?: string;
};

/** How it waited for people; null: it did not. */
export type ExplainedHold = {
  readonly status: "pending_send_approval" | "pending_inbound_approval" | "approved" | "rejected" | "expired" | "cancelled";
  readonly reason: string;
  readonly quorum: number;
  readonly approved_by: readonly string[];
  readonly created_at: string;
  readonly decided_at: string | null;
} | null;

export type ExplainedStep = {
  /** Of inbound mail, or of screening what leaves. */
  readonly step: "sender_match" | "verification" | "loop" | "content_guards" | "rate_limit" | "token_budget" | "kill_switch" | "author" | "mode" | "lists" | "suppression" | "caps" | "outbound_guards" | "first_contact" | "oversight";
  /** `decided`: this step settled the outcome. */
  readonly result: "passed" | "decided" | "not_reached";
  /** What the step looked at. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The part of the policy that applied; null where there is none. */
  readonly rule: Readonly<Record<string, unknown>> | null;
  readonly findings: readonly Finding[];
  /** What the message was charged in this step. */
  readonly cost: readonly Reservation[];
};

export type Explanation = {
  readonly decision: Decision;
  readonly steps: readonly ExplainedStep[];
  readonly policy: {
    readonly id: string;
    readonly version: number;
    readonly digest: string;
    readonly default_action: string | null;
  };
  /** What peers were told about the message. */
  readonly receipts: readonly Receipt[];
  /** How it went on to the agent beside pull. */
  readonly deliveries: readonly MailDelivery[];
  readonly hold: ExplainedHold;
  /** Who did what about it, whether it counted or not. */
  readonly attempts: readonly HoldAttempt[];
  readonly audit: readonly AuditEntry[];
};

export type Finding = {
  readonly guard: string;
  readonly code: string;
  readonly severity: number;
  readonly score?: number;
  readonly where: string;
  readonly span?: {
    readonly offset: number;
    readonly length: number;
    readonly sha256: string;
  };
  readonly rule_index?: number;
  /** Of outbound mail: place among the recipients. */
  readonly recipient?: number;
};

export type GrantChecked = {
  readonly allowed: true;
  readonly capability: string;
  readonly agent_id: string;
  readonly mailbox_id: string;
  readonly message_id: string;
  readonly thread_id: string;
  readonly expires_at: string;
};

export type GrantQuestion = {
  readonly grant: string;
  readonly capability: string;
};

export type Health = {
  readonly status: "ok";
  readonly version: string;
};

export type HoldAttempt = {
  readonly action: string;
  readonly by: string;
  readonly via: "update" | "signal" | "door";
  /** `accepted`, or why it counted for nothing. */
  readonly result: string;
  readonly revision: number;
  readonly content_hash: string | null;
  readonly reason: string | null;
  readonly at: string;
};

export type IngestRequest = RawItem | ParsedItem | {
  readonly items: readonly (RawItem | ParsedItem)[];
};

export type IngestResult = Ingested | IngestedItems;

export type Ingested = {
  readonly to: string;
  readonly id: string;
  readonly agent_id: string;
  /** Null: there is no scorer yet. */
  readonly injection_score: number | null;
  readonly quarantined: boolean;
  readonly outcome: "delivered" | "held" | "quarantined" | "rejected_at_verification" | "rejected_at_policy" | "rejected_at_content_guard" | "rate_limited" | "budget_exhausted" | "discarded" | "deferred";
  readonly decision_id: string | null;
};

export type IngestedItems = {
  readonly items: readonly ((Ingested) & ({
    /** The item's place in the request, from 0. */
    readonly index: number;
  }) | (NotIngested) & ({
    /** The item's place in the request, from 0. */
    readonly index: number;
  }))[];
};

export type Key = {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ("read" | "send" | "oversight" | "ingest" | "admin" | "operator")[];
  readonly mailboxes: readonly string[] | null;
  readonly attest: boolean;
  readonly masked: string;
  readonly created_at: string;
  /** Shown this once. */
  readonly key: string;
};

export type KeyPage = {
  readonly items: readonly ListedKey[];
  readonly next_cursor: string | null;
};

export type ListedAuditEntry = {
  readonly id: string;
  readonly action: "decision" | "email.approved" | "email.rejected" | "email.edited" | "email.cancelled" | "email.resend_ordered" | "email.settled" | "email.sent" | "email.deferred" | "email.unknown" | "email.failed" | "email.given_up" | "hold.attempt_refused" | "hold.reminded" | "hold.escalated" | "hold.signals_dropped" | "capability.denied" | "ingest.unknown_recipient" | "mailbox.mode_changed" | "mailbox.mode_refused" | "mailbox.mode_code_made" | "mailbox.oversight_address_changed" | "mailbox.channels_changed" | "oversight.stopped" | "oversight.resumed" | "suppression.put" | "suppression.end" | "webhook.created" | "webhook.rotated" | "webhook.deleted" | "dispatch.dead" | "dispatch.replayed" | "domain.claim" | "domain.state" | "dkim.add" | "dkim.activate";
  /** A key by its masked form; `leaf` has its id. */
  readonly actor: string;
  readonly mailbox_id: string | null;
  /** The message; of a draft, the message it is to be. */
  readonly email_id: string | null;
  readonly timestamp: string;
  /** Addresses, words and other personal data. Null once their time is over. */
  readonly details: Readonly<Record<string, unknown>> | null;
  /** What is never changed, as it was hashed: RFC 8785 JSON. */
  readonly leaf: string;
  /** SHA-256 of `leaf`, hex. */
  readonly leaf_hash: string;
};

export type ListedKey = {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ("read" | "send" | "oversight" | "ingest" | "admin" | "operator")[];
  readonly mailboxes: readonly string[] | null;
  readonly attest: boolean;
  readonly masked: string;
  readonly created_at: string;
  readonly revoked_at: string | null;
};

export type MailDelivery = {
  /** What the receiver knows the delivery by, at every attempt. */
  readonly id: string;
  readonly message_id: string;
  readonly mailbox_id: string;
  readonly channel: Channel;
  /** `dead`: tried for a day, or wanted no more. Only a replay tries again. */
  readonly state: "pending" | "delivered" | "dead";
  /** Why the last attempt did not arrive. */
  readonly reason: string | null;
  /** HTTP status of the last attempt that had one. */
  readonly status: number | null;
  /** Since it was last put in line. */
  readonly attempts: number;
  readonly created_at: string;
  readonly attempted_at: string | null;
  readonly ended_at: string | null;
};

export type MailDeliveryPage = {
  readonly items: readonly MailDelivery[];
  readonly next_cursor: string | null;
};

export type Mailbox = {
  readonly id: string;
  readonly address: string;
  readonly aliases: readonly string[];
  readonly agent_id: string;
  readonly oversight_mode: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous";
  /** Gets a copy of what a `monitored` mailbox sends. */
  readonly oversight_address: string | null;
  readonly policy: {
    readonly id: string;
    readonly version: number;
    readonly digest: string;
  } | null;
  /** What the kill switch stopped; nothing leaves. Null: nothing is. */
  readonly stopped_by: "tenant" | "agent" | "mailbox" | null;
  /** How mail reaches the agent beside pull. */
  readonly channels: readonly Channel[];
  readonly created_at: string;
};

export type MailboxChange = {
  readonly oversight_mode?: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous";
  readonly mode_code?: string;
  readonly oversight_address?: string | null;
  /** All of them at once; for mail that is delivered from now on. */
  readonly channels?: readonly Channel[];
};

export type MailboxPage = {
  readonly items: readonly Mailbox[];
  readonly next_cursor: string | null;
};

export type Message = {
  readonly id: string;
  readonly mailbox_id: string;
  readonly thread_id: string;
  readonly direction: "inbound" | "outbound";
  /** How it came in; `parsed`: composed here from parts that the holder of a key named. Null for what left. */
  readonly source: "smtp" | "lmtp" | "ingest" | "parsed" | "cli" | null;
  readonly outcome: "delivered" | "held" | "quarantined" | "rejected_at_verification" | "rejected_at_policy" | "rejected_at_content_guard" | "rate_limited" | "budget_exhausted" | "discarded" | "sent";
  /** The one sender the message names; null when that is ambiguous. */
  readonly from: string | null;
  /** SPF or DKIM proves `from`. */
  readonly from_verified: boolean;
  /** What SMTP said; proves nothing. */
  readonly envelope: {
    readonly sender: string;
    readonly recipient: string;
  };
  readonly subject: string;
  readonly received_at: string;
  readonly verification: Verification;
  /** What the matched rule lets the agent do about this message. */
  readonly capabilities: readonly string[];
  /** Null: nobody has scored it. */
  readonly injection_score: number | null;
  /** Never answer it automatically. */
  readonly automatic: boolean;
  /** Bytes as received. */
  readonly size: number;
  /** SHA-256 of the raw bytes, hex. */
  readonly digest: string;
  readonly tokens_reserved: number;
  /** Null until reported. */
  readonly tokens_consumed: number | null;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  /** What the sender says; see `received_at`. */
  readonly date: string | null;
  /** What a person would read. Null when the raw bytes are no longer kept or cannot be read. */
  readonly text: string | null;
  readonly attachments: readonly ({
    readonly filename: string | null;
    readonly content_type: string;
    readonly size: number;
    readonly sha256: string;
  })[];
  /** For agents, of mail that came in: a compact JWS (EdDSA) that carries the capabilities for 24 hours. */
  readonly grant: string | null;
  /** A text is longer than the million characters shown; `/raw` has the whole. */
  readonly truncated: boolean;
  /** For people: the visible text of the HTML alternative. */
  readonly html_text?: string | null;
  /** For people: text that a reader of the mail would not see. */
  readonly hidden_text?: readonly string[];
};

export type MessagePage = {
  readonly items: readonly MessageSummary[];
  readonly next_cursor: string | null;
};

export type MessageSummary = {
  readonly id: string;
  readonly mailbox_id: string;
  readonly thread_id: string;
  readonly direction: "inbound" | "outbound";
  /** How it came in; `parsed`: composed here from parts that the holder of a key named. Null for what left. */
  readonly source: "smtp" | "lmtp" | "ingest" | "parsed" | "cli" | null;
  readonly outcome: "delivered" | "held" | "quarantined" | "rejected_at_verification" | "rejected_at_policy" | "rejected_at_content_guard" | "rate_limited" | "budget_exhausted" | "discarded" | "sent";
  /** The one sender the message names; null when that is ambiguous. */
  readonly from: string | null;
  /** SPF or DKIM proves `from`. */
  readonly from_verified: boolean;
  /** What SMTP said; proves nothing. */
  readonly envelope: {
    readonly sender: string;
    readonly recipient: string;
  };
  readonly subject: string;
  readonly received_at: string;
  readonly verification: Verification;
  /** What the matched rule lets the agent do about this message. */
  readonly capabilities: readonly string[];
  /** Null: nobody has scored it. */
  readonly injection_score: number | null;
  /** Never answer it automatically. */
  readonly automatic: boolean;
  /** Bytes as received. */
  readonly size: number;
  /** SHA-256 of the raw bytes, hex. */
  readonly digest: string;
  readonly tokens_reserved: number;
  /** Null until reported. */
  readonly tokens_consumed: number | null;
};

export type ModeCode = {
  readonly mailbox_id: string;
  readonly oversight_mode: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous";
  readonly mode_code: string;
  readonly expires_at: string;
};

export type ModeCodeRequest = {
  readonly oversight_mode: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous";
};

export type NewAlias = {
  /** What stands before the `@`; no `+`. */
  readonly address_local_part: string;
  /** Left out: the tenant's first domain. */
  readonly domain?: string;
};

export type NewDomain = {
  /** International names in either form. */
  readonly domain: string;
};

export type NewKey = {
  /** For people; shown in lists. */
  readonly name: string;
  /** `send` and `oversight` never go together. */
  readonly scopes: readonly ("read" | "send" | "oversight" | "ingest" | "admin" | "operator")[];
  /** Left out: all mailboxes of the tenant. */
  readonly mailboxes?: readonly string[];
  /** Of a key that ingests: believed about where mail came from and what was verified of it. Only for a bridge you run. */
  readonly attest?: boolean;
};

export type NewMailbox = {
  /** What stands before the `@`; no `+`. */
  readonly address_local_part: string;
  /** Left out: the tenant's first domain. */
  readonly domain?: string;
  /** Your name for the agent that owns the mailbox. */
  readonly agent_id: string;
  /** Default `gated_send`. One that is freer needs an operator's key. */
  readonly oversight_mode?: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous";
  /** Who gets the copies; `monitored` needs one. */
  readonly oversight_address?: string;
};

export type NewSuppression = {
  readonly address: string;
  readonly reason?: "HardBounce" | "SpamComplaint" | "manual";
  /** Null: for good. */
  readonly expires_at?: string | null;
};

export type NewTenant = {
  readonly name: string;
};

export type NewWebhook = {
  /** `https` to a host on the public Internet, without user, password or fragment; port 443 or from 1024 on. Redirects are not followed. */
  readonly url: string;
  readonly description?: string;
};

export type NotIngested = {
  readonly to: string | null;
  readonly error: {
    readonly status: number;
    readonly code: "invalid_request" | "invalid_policy" | "invalid_config" | "unauthorized" | "forbidden" | "capability_denied" | "not_found" | "conflict" | "already_decided" | "blocked" | "idempotency_conflict" | "in_flight" | "content_hash_required" | "content_stale" | "approval_refused" | "mode_code_required" | "payload_too_large" | "too_many_requests" | "unavailable" | "internal";
    readonly detail: string;
    readonly fix?: string;
    readonly errors?: readonly ({
      readonly path: string;
      readonly message: string;
    })[];
  };
};

export type OpenApi = {
  readonly openapi: string;
};

export type ParsedItem = {
  /** Whose mailboxes it is for; each has a result of its own. */
  readonly to: string | readonly string[];
  readonly from: string;
  readonly cc?: readonly string[];
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string | null;
  /** Further header fields, such as `Auto-Submitted` or `List-Id`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly message_id?: string | null;
  readonly in_reply_to?: string | null;
  /** Becomes its `Date`. */
  readonly received_at?: string | null;
  readonly attachments?: readonly ({
    readonly filename?: string;
    readonly content_type: string;
    readonly content: string;
  })[];
  /** What you verified of it. Only of a key that attests; without, nothing was. */
  readonly verification?: {
    readonly spf?: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
    readonly dkim?: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
    readonly dmarc?: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
    readonly arc?: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
    readonly from_alignment?: {
      readonly spf?: boolean;
      readonly dkim?: boolean;
    };
  } | null;
};

export type Pending = {
  /** A draft's id, or an inbound message's. */
  readonly id: string;
  readonly mailbox_id: string;
  readonly direction: "inbound" | "outbound";
  readonly status: "pending_send_approval" | "pending_inbound_approval" | "approved" | "rejected" | "expired" | "cancelled";
  /** Why it waits; a code. */
  readonly reason: string;
  readonly from: string | null;
  readonly to: readonly string[];
  readonly subject: string;
  readonly revision: number;
  /** What is decided about. */
  readonly content_hash: string;
  /** Key that wrote or last edited it; that key cannot approve it. */
  readonly author: string | null;
  /** Empty: every oversight key that sees the mailbox. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly approved_by: readonly string[];
  readonly created_at: string;
  readonly remind_at: string | null;
  readonly escalate_at: string | null;
  /** Ends it; never approves it. */
  readonly expires_at: string;
  readonly reminded_at: string | null;
  readonly escalated_at: string | null;
  readonly decided_at: string | null;
};

/** Null when the bytes are no longer kept. */
export type PendingContent = {
  readonly subject: string;
  readonly text: string;
  readonly html_text: string | null;
  readonly links: readonly ({
    readonly text: string;
    readonly href: string;
    /** The text names another place. */
    readonly differs: boolean;
  })[];
  /** Text that a reader of the mail would not see. */
  readonly hidden: readonly string[];
  readonly attachments: readonly ({
    readonly filename: string | null;
    readonly content_type: string;
    readonly size: number;
    readonly sha256: string;
  })[];
  readonly truncated: boolean;
} | null;

export type PendingDetail = {
  /** A draft's id, or an inbound message's. */
  readonly id: string;
  readonly mailbox_id: string;
  readonly direction: "inbound" | "outbound";
  readonly status: "pending_send_approval" | "pending_inbound_approval" | "approved" | "rejected" | "expired" | "cancelled";
  /** Why it waits; a code. */
  readonly reason: string;
  readonly from: string | null;
  readonly to: readonly string[];
  readonly subject: string;
  readonly revision: number;
  /** What is decided about. */
  readonly content_hash: string;
  /** Key that wrote or last edited it; that key cannot approve it. */
  readonly author: string | null;
  /** Empty: every oversight key that sees the mailbox. */
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly approved_by: readonly string[];
  readonly created_at: string;
  readonly remind_at: string | null;
  readonly escalate_at: string | null;
  /** Ends it; never approves it. */
  readonly expires_at: string;
  readonly reminded_at: string | null;
  readonly escalated_at: string | null;
  readonly decided_at: string | null;
  readonly recipients: readonly ({
    readonly kind: "to" | "cc" | "bcc";
    readonly address: string;
  })[];
  readonly content: PendingContent;
  /** The one that made it wait, or that ended it. */
  readonly decision: {
    readonly id: string;
    readonly outcome: string;
    readonly reason: string;
    readonly judged_at: string;
    readonly at: string;
  } | null;
  readonly findings: readonly ((Finding) & ({
    readonly redacted?: string;
  }))[];
  readonly verification: Verification;
  readonly mode: "read_only" | "gated_all" | "gated_send" | "monitored" | "autonomous" | null;
  /** The thread holds mail whose sender nobody has proved, or that was quarantined. */
  readonly tainted: boolean;
  /** It answers mail that a machine sent. */
  readonly automatic_source: boolean;
  /** Domains this mailbox has never sent to. */
  readonly new_domains: readonly string[];
  readonly attempts: readonly HoldAttempt[];
  readonly revisions: readonly Revision[];
};

export type PendingPage = {
  readonly items: readonly Pending[];
  readonly next_cursor: string | null;
};

export type PolicyApplied = {
  readonly id: string;
  readonly version: number;
  readonly digest: string;
  /** False: the same document was in force already. */
  readonly created: boolean;
  readonly warnings: readonly ({
    readonly path: string;
    readonly message: string;
  })[];
};

export type PolicyInForce = {
  readonly id: string;
  readonly version: number;
  readonly digest: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly warnings: readonly ({
    readonly path: string;
    readonly message: string;
  })[];
  readonly created_at: string;
  readonly actor: string;
};

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: "invalid_request" | "invalid_policy" | "invalid_config" | "unauthorized" | "forbidden" | "capability_denied" | "not_found" | "conflict" | "already_decided" | "blocked" | "idempotency_conflict" | "in_flight" | "content_hash_required" | "content_stale" | "approval_refused" | "mode_code_required" | "payload_too_large" | "too_many_requests" | "unavailable" | "internal" | "malformed_request" | "method_not_allowed" | "unsupported_media_type";
  readonly detail: string;
  readonly fix?: string;
  readonly request_id: string;
  readonly decision_id?: string;
  readonly draft_id?: string;
  readonly reason?: string;
  readonly errors?: readonly ({
    readonly path: string;
    readonly message: string;
  })[];
};

export type RawItem = {
  /** The message as it came, CRLF line ends, in base64 (RFC 4648 §4). */
  readonly raw: string;
  readonly envelope: {
    /** MAIL FROM; empty for the null sender. */
    readonly from?: string;
    /** Whose mailboxes it is for; each has a result of its own. */
    readonly to: string | readonly string[];
    /** The client that sent it, for SPF. Only a key that attests is believed. */
    readonly ip?: string;
    readonly helo?: string;
  };
  readonly source?: "ingest" | "cli";
};

export type Readiness = {
  readonly status: "ready" | "not_ready";
  readonly checks: {
    readonly store: "ok" | "unreachable";
    readonly temporal: "ok" | "unreachable";
  };
};

export type Receipt = {
  readonly at: string;
  readonly peer: string;
  readonly helo: string;
  readonly sender: string;
  readonly recipient: string;
  readonly reply: string;
};

export type RegisteredWebhook = {
  readonly webhook_id: string;
  readonly url: string;
  readonly secret: string;
  readonly previous_expires_at: string | null;
};

export type ReleaseNote = {
  /** Why; kept beside the audit entry. */
  readonly note?: string;
};

export type ReplyRequest = {
  /** Addresses, also as `Name <local@domain>`. */
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  /** In no header; people who approve see them. */
  readonly bcc?: readonly string[];
  readonly subject?: string;
  /** Becomes text and HTML; HTML in it is shown as text. */
  readonly markdown: string;
  /** The plain part, where it should differ from the one made of `markdown`. */
  readonly text?: string | null;
  readonly attachments?: readonly ({
    readonly filename: string;
    readonly content_type: string;
    /** Base64, RFC 4648 §4, without line breaks. */
    readonly content: string;
  })[];
  /** Not before; at most a year ahead. Judged again at that time. */
  readonly send_at?: string | null;
  /** Judge only: nothing is recorded, counted or sent. */
  readonly dry_run?: boolean;
};

export type Reservation = {
  readonly ledger: "rate" | "tokens" | "sends";
  readonly scope: "sender" | "thread" | "mailbox";
  readonly amount: number;
};

export type Revision = {
  readonly number: number;
  readonly author: string;
  readonly subject: string;
  readonly content_hash: string;
  readonly created_at: string;
  /** Against the revision before; null for the first, and for those long ago. */
  readonly changes: readonly DiffLine[] | null;
};

export type Rotation = {
  /** Seconds for which the secret before stays good. Default a day. */
  readonly grace_s?: number;
};

export type SendRequest = {
  /** Addresses, also as `Name <local@domain>`. */
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  /** In no header; people who approve see them. */
  readonly bcc?: readonly string[];
  readonly subject: string;
  /** Becomes text and HTML; HTML in it is shown as text. */
  readonly markdown: string;
  /** The plain part, where it should differ from the one made of `markdown`. */
  readonly text?: string | null;
  readonly attachments?: readonly ({
    readonly filename: string;
    readonly content_type: string;
    /** Base64, RFC 4648 §4, without line breaks. */
    readonly content: string;
  })[];
  /** Not before; at most a year ahead. Judged again at that time. */
  readonly send_at?: string | null;
  /** Judge only: nothing is recorded, counted or sent. */
  readonly dry_run?: boolean;
};

export type SendResult = Draft | DryRun;

export type SignedVerdict = {
  /** For one use; it carries your key's word and nothing of your reason. */
  readonly token: string;
  readonly workflow_id: string;
  readonly expires_at: string;
  /** Decides by the plain Temporal CLI, under the same rules. */
  readonly command: string;
};

export type SignedVerdictRequest = {
  /** The last two are for a draft whose fate is unknown. */
  readonly action: "approve" | "reject" | "resend" | "settle";
  /** Why; kept beside the audit entry. A rejection needs one. */
  readonly reason?: string;
  /** Of what you looked at. Needed once it was edited. */
  readonly content_hash?: string;
  /** With `settle`: whether it arrived. Left out: `sent`. */
  readonly as?: "sent" | "failed";
};

export type SigningKey = {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: "ES256";
  readonly use: "sig";
};

export type SigningKeys = {
  readonly keys: readonly SigningKey[];
};

export type SinkPage = {
  readonly items: readonly SunkMail[];
  readonly next_cursor: string | null;
};

export type Stopped = {
  readonly stopped: boolean;
  /** Drafts under way that look again now. */
  readonly drafts: number;
};

export type Stops = {
  readonly items: readonly ({
    readonly kind: "mailbox" | "agent" | "tenant";
    readonly id: string;
    readonly at: string;
  })[];
};

export type SunkMail = {
  readonly id: string;
  readonly mailbox_id: string;
  readonly draft_id: string;
  readonly envelope_sender: string;
  /** Of the envelope: whoever would have got it, Bcc as well. */
  readonly recipients: readonly string[];
  readonly size: number;
  readonly sent_at: string;
};

export type SunkMailDetail = {
  readonly id: string;
  readonly mailbox_id: string;
  readonly draft_id: string;
  readonly envelope_sender: string;
  /** Of the envelope: whoever would have got it, Bcc as well. */
  readonly recipients: readonly string[];
  readonly size: number;
  readonly sent_at: string;
  readonly subject: string;
  readonly headers: readonly ({
    readonly name: string;
    readonly value: string;
  })[];
  readonly text: string;
};

export type Suppression = {
  readonly id: string;
  readonly address: string;
  readonly reason: "HardBounce" | "SpamComplaint" | "manual";
  /** Who entered it. */
  readonly source: string;
  readonly created_at: string;
  /** Null: for good. */
  readonly expires_at: string | null;
  readonly ended_at: string | null;
};

export type SuppressionPage = {
  readonly items: readonly Suppression[];
  readonly next_cursor: string | null;
};

export type Tenant = {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly admin_key: {
    readonly id: string;
    /** Shown this once. */
    readonly key: string;
  };
};

export type Usage = {
  readonly message_id: string;
  readonly tokens_reserved: number;
  readonly tokens_consumed: number | null;
};

export type UsageReport = {
  readonly tokens_consumed: number;
};

export type Verdict = {
  /** The last two are for a draft whose fate is unknown. */
  readonly action: "approve" | "reject" | "resend" | "settle";
  /** Why; kept beside the audit entry. A rejection needs one. */
  readonly reason?: string;
  /** Of what you looked at. Needed once it was edited. */
  readonly content_hash?: string;
  /** With `settle`: whether it arrived. Left out: `sent`. */
  readonly as?: "sent" | "failed";
};

export type VerdictOn = {
  /** A draft's id, or a message's. */
  readonly email_id: string;
  /** The last two are for a draft whose fate is unknown. */
  readonly action: "approve" | "reject" | "resend" | "settle";
  /** Why; kept beside the audit entry. A rejection needs one. */
  readonly reason?: string;
  /** Of what you looked at. Needed once it was edited. */
  readonly content_hash?: string;
  /** With `settle`: whether it arrived. Left out: `sent`. */
  readonly as?: "sent" | "failed";
};

export type VerdictResults = {
  readonly items: readonly ((Decided) & ({
    readonly result: "accepted";
  }) | {
    readonly id: string;
    readonly result: "refused";
    readonly code: "invalid_request" | "invalid_policy" | "invalid_config" | "unauthorized" | "forbidden" | "capability_denied" | "not_found" | "conflict" | "already_decided" | "blocked" | "idempotency_conflict" | "in_flight" | "content_hash_required" | "content_stale" | "approval_refused" | "mode_code_required" | "payload_too_large" | "too_many_requests" | "unavailable" | "internal";
    readonly reason?: string;
    readonly detail: string;
    readonly fix?: string;
  })[];
};

export type Verdicts = {
  readonly items: readonly ({
    /** A draft's id, or a message's. */
    readonly id: string;
    readonly action: "approve" | "reject";
    /** Why; kept beside the audit entry. A rejection needs one. */
    readonly reason?: string;
    /** Of what you looked at. Needed once it was edited. */
    readonly content_hash?: string;
  })[];
};

export type Verification = {
  readonly spf: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
  readonly dkim: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
  readonly dmarc: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
  readonly arc: "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror" | "policy";
  readonly from_alignment: {
    readonly spf: boolean;
    readonly dkim: boolean;
  };
} | null;

export type WaitResult = {
  readonly type: "message";
  readonly message: Message;
  readonly cursor: string;
} | {
  readonly type: "timeout";
  readonly cursor: string;
};

export type Webhook = {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly created_at: string;
  /** Newest first; deliveries are signed with each until its end. */
  readonly secrets: readonly ({
    readonly created_at: string;
    readonly expires_at: string | null;
  })[];
};

export type WebhookChannel = {
  readonly kind: "webhook";
  /** Of `POST /v1/webhooks`. */
  readonly webhook_id: string;
};

export type WebhookPage = {
  readonly items: readonly Webhook[];
  readonly next_cursor: string | null;
};

export type WebhookRegistration = {
  /** `https` to a host on the public Internet, without user, password or fragment; port 443 or from 1024 on. Redirects are not followed. */
  readonly url: string;
  readonly agent_id?: string;
};

export type WebhookRotation = {
  readonly webhook_id: string;
  /** Seconds for which the secret before stays good. Default a day. */
  readonly grace_s?: number;
};

export type WebhookTestResult = {
  readonly delivered: boolean;
  /** What the receiver answered; null: it did not. */
  readonly status: number | null;
  /** Why it did not arrive, as in deliveries. */
  readonly reason: string | null;
};

export type WebhookWithSecret = {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly created_at: string;
  /** Newest first; deliveries are signed with each until its end. */
  readonly secrets: readonly ({
    readonly created_at: string;
    readonly expires_at: string | null;
  })[];
  /** Shown this once. */
  readonly secret: string;
};

export type WorkflowChannel = {
  readonly kind: "workflow";
  /** Workflow type, on a worker of yours. */
  readonly type: string;
  readonly task_queue: string;
  /** One workflow a thread, which hears the conversation, or one a message. */
  readonly id_per: "thread" | "message";
  /** Key with the scope `send` in whose name it sends. Left out: it may not. */
  readonly key_id?: string;
};
