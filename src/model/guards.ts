import type { GuardedPlace } from "./finding.ts";

/**
 * What guards look at: every text of one message, decoded, with LF line ends, invisible characters where the sender put
 * them. Lists are read as one text, their entries joined by a line feed; a span's offset counts in that text.
 */
export interface GuardViews {
  readonly subject: string;
  /** The plain part; empty when there is none. */
  readonly text: string;
  /** Visible text of the HTML part; empty when there is none. */
  readonly html: string;
  /** Texts a person would not see: styled away, off-screen, in comments, spelled in invisible characters. One entry a stretch. */
  readonly hidden: readonly string[];
  /** Names of attachments, and their text where it was read. */
  readonly attachments: readonly string[];
  readonly headers: HeaderFacts;
}

export interface HeaderFacts {
  /** Field names of the message's own header in order, lower case; at most 1,000 (DESIGN §8). */
  readonly names: readonly string[];
  /** Lines of the raw message over 998 octets without their line end (RFC 5322 §2.1.1). */
  readonly long_lines: number;
}

/** Where a content guard looks unless it says otherwise. */
export const DEFAULT_PLACES = ["subject", "text", "html", "hidden"] as const satisfies readonly GuardedPlace[];

/**
 * Guards a policy can name under `guards`, with the `above` used where it names none: a finding counts when its score,
 * or its severity where the guard does not measure, is strictly above it. A new guard is one more line here.
 */
export const GUARDS = {
  hidden_text: { above: 1, about: "text a person would not see: Unicode tags, zero-width characters, hidden HTML" },
  headers: { above: 1, about: "header fields that may occur once and occur again, and overlong lines" },
} as const satisfies Readonly<Record<string, GuardDefaults>>;

export type GuardName = keyof typeof GUARDS;

/** Guards of mail that leaves. A finding whose severity is strictly above holds the draft; one at or below is a note for people. */
export const OUTBOUND_GUARDS = {
  secrets: { above: 1, about: "keys, tokens, passwords in addresses, card and account numbers" },
} as const satisfies Readonly<Record<string, GuardDefaults>>;

/** Whom a draft is refused for, one finding each; the code is the decision's reason. Made by screening itself. */
export const RECIPIENTS_GUARD = "recipients";

/** The guard that runs the policy's own `contentGuards`; it has no entry under `guards`. */
export const CONTENT_GUARD = "content";

interface GuardDefaults {
  readonly above: number;
  readonly about: string;
}
