/** Where in a message a guard saw something. `hidden` is text a person reading the mail would not see. */
export type Where = "subject" | "text" | "html" | "hidden" | "attachments" | "headers" | "structure";

/** The places a content guard may look at. */
export const GUARDED_PLACES = ["subject", "text", "html", "hidden", "attachments"] as const satisfies readonly Where[];
export type GuardedPlace = (typeof GUARDED_PLACES)[number];

/** A stretch of the view named by `where`: UTF-16 offsets, and the hash of the text. The text itself never leaves the message. */
export interface Span {
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

/** 0 note, 1 unusual, 2 suspicious, 3 dangerous. */
export type Severity = 0 | 1 | 2 | 3;

/** One thing a guard saw. A fact without a verdict: what follows from it is the policy's business. */
export interface Finding {
  readonly guard: string;
  readonly code: string;
  readonly severity: Severity;
  /** 0–1 where the guard measures; absent where it only sees or does not see. */
  readonly score?: number;
  readonly where: Where;
  readonly span?: Span;
  /** For guard `content`: index into the policy's `contentGuards`. */
  readonly rule_index?: number;
  /** For guard `recipients`: index into the revision's recipients. Who it is stays there. */
  readonly recipient?: number;
}
