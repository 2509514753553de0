import { endOfRun } from "./alphabet.ts";
import type { Joined } from "./lines.ts";

/** Text that stood encoded in another, one level deep, and where. */
export interface Encoded {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Characters of base64 from which on a key can be in it. */
const LEAST = 44;

/** What random bytes do not have. Linear: one class, no alternatives. */
const WORDS = /[\x20-\x7e\r\n\t]{24}/;

/**
 * What is text when it is read as base64 (RFC 4648 §4 and §5). A word may stand before it on the line above, so all four
 * places where a group can begin are tried. Linear: every character belongs to one run.
 */
export function* readBase64({ text }: Joined): Generator<Encoded> {
  for (let start = 0; start < text.length;) {
    const end = endOfRun(text, start, "base64body", text.length);
    if (end - start >= LEAST) yield* decoded(text, start, end);
    start = Math.max(end, start + 1);
  }
}

function* decoded(text: string, start: number, end: number): Generator<Encoded> {
  for (let shift = 0; shift < 4; shift++) {
    // Without NUL it is the same in UTF-16, which some shells encode.
    const inner = Buffer.from(text.slice(start + shift, end), "base64")
      .toString("latin1")
      .replaceAll("\0", "");
    if (WORDS.test(inner)) yield { text: inner, start, end };
  }
}

/** A soft line break, or characters spelled in hex. */
const QUOTED = /=\n|=[0-9A-Fa-f]{2}/;

/** The text read as quoted-printable (RFC 2045 §6.7); null: that changes nothing. */
export function readQuotedPrintable(text: string): string | null {
  if (!QUOTED.test(text)) return null;
  return text.replace(/=\n/g, "").replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
