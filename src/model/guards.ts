import type { GuardedPlace } from "./finding.ts";

/**
 * What guards look at: every text of one message, decoded, with LF line ends. Lists are read as one text, their entries
 * joined by a line feed; a span's offset counts in that text.
 *
 * A reader that takes invisible characters out of a text says how many in `invisible`, and what they spell in `hidden`.
 */
export interface GuardViews {
  readonly subject: string;
  /** The plain part; empty when there is none. */
  readonly text: string;
  /** Visible text of the HTML part; empty when there is none. */
  readonly html: string;
  /** Texts a person would not see: styled away, off-screen, in comments. One entry a stretch. */
  readonly hidden: readonly string[];
  /** Names of attachments, and their text where it was read. */
  readonly attachments: readonly string[];
  readonly headers: HeaderFacts;
  /** Invisible characters no longer in the texts, by kind. Absent: they are still where the sender put them. */
  readonly invisible?: InvisibleCounts;
}

export interface InvisibleCounts {
  /** U+E0000–E007F. */
  readonly tags: number;
  /** Zero-width spaces and joiners, soft hyphens, fillers. */
  readonly zero_width: number;
  /** Controls of writing direction. */
  readonly bidi: number;
  /** Variation selectors other than one U+FE0E or U+FE0F after a character. */
  readonly selectors: number;
}

export interface HeaderFacts {
  /** Field names of the message's own header in order, lower case; at most 1,000 (DESIGN §8). */
  readonly names: readonly string[];
  /** Octets of the longest line of the raw message without its line end (RFC 5322 §2.1.1: at most 998). */
  readonly longest_line: number;
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

/** The guard that runs the policy's own `contentGuards`; it has no entry under `guards`. */
export const CONTENT_GUARD = "content";

interface GuardDefaults {
  readonly above: number;
  readonly about: string;
}
