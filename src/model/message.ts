import type { MailboxId, MessageId, TenantId, ThreadId } from "./ids.ts";

/** The exact bytes accepted, in the blob store. All that enters a workflow of a message's content. */
export interface MessageRef {
  /** SHA-256 of the raw bytes, lower-case hex. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** RFC 5321: what the peer said in one transaction. Never to be mixed with header fields. */
export interface Envelope {
  /** Address of the connecting client, IPv4 or IPv6 text. */
  readonly ip: string;
  /** Argument of EHLO or HELO. */
  readonly helo: string;
  /** MAIL FROM; empty for the null sender. */
  readonly sender: string;
  /** The RCPT TO that reached this mailbox. */
  readonly recipient: string;
}

/** RFC 8601 §2.7 result names. `policy` is a signature that verifies and that policy does not accept. */
export const AUTH_RESULTS = ["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy"] as const;
export type AuthResult = (typeof AUTH_RESULTS)[number];

/** SPF, DKIM, DMARC and ARC of one message, as facts. Authentication-Results of others are not read. */
export interface Verification {
  readonly spf: AuthResult;
  /** Best result over the signatures that were checked. */
  readonly dkim: AuthResult;
  /** A DMARC check that could not be made (several From …) is `fail`, never `none`. */
  readonly dmarc: AuthResult;
  readonly arc: AuthResult;
  /** Which mechanism passed for a domain aligned with From (RFC 7489 §3.1): relaxed, or strict where the domain's DMARC record says so. */
  readonly from_alignment: { readonly spf: boolean; readonly dkim: boolean };
}

/** Nothing was looked for. */
export const UNVERIFIED: Verification = Object.freeze({
  spf: "none",
  dkim: "none",
  dmarc: "none",
  arc: "none",
  from_alignment: { spf: false, dkim: false },
});

/** The one sender a message proves, or why it proves none (DESIGN §3 Identity). */
export type Identity =
  | { readonly kind: "sender"; readonly address: string; readonly domain: string; readonly verified: boolean }
  | { readonly kind: "ambiguous"; readonly why: string };

/** Why a message is somebody's echo. */
export type LoopKind = "own_message_id" | "own_address" | "ping_pong";

/** What verification found out about one message. Facts, no verdict. Personal data: in payloads and SQL, never in ids or logs. */
export interface MessageFacts {
  readonly identity: Identity;
  readonly verification: Verification;
  /** Auto-Submitted, Precedence, List-Id: no automatic answer will ever go to it. */
  readonly automatic: boolean;
  readonly thread: ThreadId;
  readonly loop: LoopKind | null;
  /** SHA-256 of the bytes after the header's blank line, hex. */
  readonly body_sha256: string;
  /** Estimated model tokens of the agent's view. */
  readonly tokens: number;
}

/** What of the sender's own words a message's row keeps. Mail content: never in a payload, which a history would keep. */
export interface Headline {
  /** At most 998 characters, well-formed Unicode without NUL. */
  readonly subject: string;
  /** RFC 5322 Message-ID without brackets, or null. At most 998 bytes. */
  readonly rfc_message_id: string | null;
}

/**
 * Which way a message came in: the two mail doors, the HTTP one with the bytes as they were (`cli`: from a file, by our own
 * command), or `parsed`, composed by us from parts that the holder of a key named.
 */
export const MESSAGE_SOURCES = ["smtp", "lmtp", "ingest", "parsed", "cli"] as const;
export type MessageSource = (typeof MESSAGE_SOURCES)[number];

/** One message and mailbox to judge: the input of the workflow `inboundMessage`, and one of those of `inboundMessages`; each has a ticket. */
export interface InboundInput {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  readonly ref: MessageRef;
  readonly envelope: Envelope;
  /** Epoch milliseconds at which the door had the last byte. */
  readonly received_at: number;
  /** Absent in histories from before there was more than SMTP. */
  readonly source?: MessageSource;
  /** Of a `parsed` message: what the holder of a key that may attest says was verified. Absent: nothing was. */
  readonly attested?: Verification;
}
