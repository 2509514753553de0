import { endOfRun } from "./alphabet.ts";
import { isAlphanumeric, type Joined } from "./lines.ts";
import { isJsonWith } from "./random.ts";
import type { Sighting } from "./sighting.ts";

/** Of one segment. */
const LONGEST = 8_192;

/** `{"` in base64url, where no word goes on. */
const START = /eyJ/g;

/** Signed tokens in compact form (RFC 7515 §3.1, RFC 7519), grants of this gate among them: whoever has one is its bearer. */
export function* seeJwts(joined: Joined): Generator<Sighting> {
  const { text } = joined;
  let past = 0;
  for (const { index } of text.matchAll(START)) {
    if (index < past || (!joined.isSeam(index) && isWord(text, index - 1))) continue;
    // Read once: lines of three letters could make every line of a long text a beginning.
    past = endOfRun(text, index, "base64url", LONGEST);
    const end = endOfJwt(text, index, past);
    if (end === null) continue;
    past = end;
    yield { code: "jwt", severity: 2, start: index, end };
  }
}

function endOfJwt(text: string, start: number, header: number): number | null {
  if (text.charAt(header) !== "." || !isJsonWith(text.slice(start, header), "alg")) return null;
  const payload = endOfRun(text, header + 1, "base64url", LONGEST);
  if (payload === header + 1 || text.charAt(payload) !== ".") return null;
  const signature = endOfRun(text, payload + 1, "base64url", LONGEST);
  return signature > payload + 1 ? signature : null;
}

function isWord(text: string, at: number): boolean {
  return isAlphanumeric(text, at) || text.charAt(at) === "-" || text.charAt(at) === "_";
}
