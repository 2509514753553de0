import { crc32 } from "node:zlib";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** GitHub's and npm's form: the last six characters are the CRC-32 of those before them in base 62. */
export function hasChecksum(body: string): boolean {
  let rest = crc32(body.slice(0, -6));
  let check = "";
  for (let digit = 0; digit < 6; digit++) {
    check = (BASE62[rest % 62] ?? "") + check;
    rest = Math.floor(rest / 62);
  }
  return body.slice(-6) === check;
}

/** What stands in examples and manuals where a key would stand. Literals only: linear. */
const PLACEHOLDER = /example|placeholder|your[-_]?(?:api|key|token|secret)|changeme|redacted|dummy|xxxx|\*\*\*|\.\.\./i;

/** Bits a character below which nobody drew it: `aaaa`, `0000`, `abcabc`. Random hex of 20 characters has over 2.8. */
const LEAST_ENTROPY = 2.5;

/** True for what a machine drew, as far as that can be seen. */
export function looksRandom(body: string): boolean {
  return entropy(body) >= LEAST_ENTROPY && !PLACEHOLDER.test(body);
}

/** Shannon's, over the characters, in bits. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Text in base64url that is a JSON object with this key. */
export function isJsonWith(encoded: string, key: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && key in value;
  } catch {
    return false;
  }
}
