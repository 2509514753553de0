import type { Finding } from "../model/finding.ts";
import type { TenantId } from "../model/ids.ts";
import type { Envelope, Headline, Identity, MessageRef, Verification } from "../model/message.ts";
import type { ThreadFacts } from "./thread.ts";

export interface StoredMessage {
  readonly tenant: TenantId;
  readonly ref: MessageRef;
}

/**
 * CPU-heavy reading of stored messages (parse, verify, scan, show). Implemented off the main thread, because a message
 * of 25 MiB or a hostile one must not delay the accept loop or Temporal's workflow tasks.
 */
export interface MailReader {
  /** Structure limits of DESIGN §8. Null: within them. */
  inspect(message: StoredMessage): Promise<Violation | null>;
  /** Everything the headers, signatures and DNS say. With `known` nothing is looked up: that is the verification. */
  authenticate(message: StoredMessage, envelope: Envelope, known?: Verification): Promise<Authentication>;
  /** Runs every guard. `patterns` are the policy's content guards. Rejects rather than skip a guard. */
  scan(message: StoredMessage, guards: ContentPatterns): Promise<readonly Finding[]>;
  /** Known already where the message was authenticated a moment ago. */
  headline(message: StoredMessage): Promise<Headline>;
  /** What an answer to it names: its Message-ID and those before it. */
  thread(message: StoredMessage): Promise<ThreadFacts>;
  /** What an agent or a person is shown. */
  view(message: StoredMessage): Promise<MessageView>;
}

/** A limit that the message breaks, as the peer is told: reply code, enhanced status code, text. */
export interface Violation {
  readonly limit: string;
  readonly code: 550 | 552 | 554;
  readonly enhanced: string;
  readonly text: string;
}

export interface Authentication {
  readonly identity: Identity;
  readonly verification: Verification;
  /** Some look-up failed for now, and the result could change with it: judge later (451). */
  readonly temporary: boolean;
  readonly automatic: boolean;
  /** Message-IDs of In-Reply-To and References without brackets, nearest first, at most 100. */
  readonly references: readonly string[];
  readonly rfc_message_id: string | null;
  /** Mail content: for this process only, never for a step's result, which a history keeps (DESIGN §9.10). */
  readonly subject: string;
  readonly body_sha256: string;
  /** UTF-8 bytes of the agent's view / 4, rounded up. */
  readonly tokens: number;
}

/** A compiled policy is cached per thread by digest. */
export interface ContentPatterns {
  readonly digest: string;
  readonly guards: readonly { readonly pattern: string; readonly in: readonly Finding["where"][] }[];
}

export interface MessageView {
  readonly from: string | null;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  /** RFC 3339, from the Date field; null when absent or unreadable. */
  readonly date: string | null;
  /** What a person would read: the plain part, else the visible text of the HTML part. */
  readonly text: string;
  /** Visible text of the HTML part when both exist. */
  readonly html_text: string | null;
  /** Text a person would not see. Never part of `text`; shown to people only. */
  readonly hidden: readonly string[];
  /** Some text is longer than the million characters that are shown of each; the raw message has the whole. */
  readonly truncated: boolean;
  readonly attachments: readonly {
    readonly filename: string | null;
    readonly content_type: string;
    readonly size: number;
    readonly sha256: string;
  }[];
}
