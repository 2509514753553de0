import { endOfRun } from "./alphabet.ts";
import type { Joined } from "./lines.ts";
import type { Sighting } from "./sighting.ts";

/** PEM (RFC 7468), OpenSSH, OpenPGP (RFC 9580 §6.2). Bounded counts: linear. */
const MARK = /BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?|PuTTY-User-Key-File-[1-9]/g;

/** Characters after the mark in which the key's own must begin: armour headers stand before them. */
const HEADERS = 600;
/** What the first line of a key has at least. */
const LINE = 32;
const LONGEST = 8_192;

/** Blocks that hold a private key; a mark without a key after it is suspicious all the same. */
export function* seePrivateKeys({ text }: Joined): Generator<Sighting> {
  let past = 0;
  for (const { 0: mark, index } of text.matchAll(MARK)) {
    if (index < past) continue;
    const body = bodyAfter(text, index + mark.length);
    const end = body ?? index + mark.length;
    past = end;
    yield { code: "private_key", severity: body === null ? 2 : 3, start: index, end };
  }
}

/** The end of the first long run of base64 characters near `from`; null when there is none. */
function bodyAfter(text: string, from: number): number | null {
  for (let at = from; at < Math.min(text.length, from + HEADERS);) {
    const end = endOfRun(text, at, "base64", LONGEST);
    if (end - at >= LINE) return end;
    at = Math.max(end, at + 1);
  }
  return null;
}
