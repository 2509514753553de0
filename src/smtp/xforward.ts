import { isIP } from "node:net";
import { isAscii } from "./address.ts";
import { normalizeIp } from "./peers.ts";

/** https://www.postfix.org/XFORWARD_README.html */
const ATTRIBUTES = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"] as const;
type Attribute = (typeof ATTRIBUTES)[number];

/** Bytes of one value, decoded. */
const VALUE_MAX = 255;

/** What a relay says of the client whose mail it brings. False: it does not know. */
export type Forwarded = ReadonlyMap<Attribute, string | false>;

/**
 * One `XFORWARD` command; null when it says what cannot be, or one thing twice. Values are xtext (RFC 3461 §4); what they
 * decode to holds no control character, because names end up in records. The address is in its one form, the rest as it is.
 */
export function parseXforward(line: string): Forwarded | null {
  const [, ...words] = line.trim().split(/ +/);
  const forwarded = new Map<Attribute, string | false>();
  for (const word of words) {
    const read = readAttribute(word);
    if (read === null || forwarded.has(read.name)) return null;
    forwarded.set(read.name, read.value);
  }
  return forwarded.size === 0 ? null : forwarded;
}

function readAttribute(word: string): { readonly name: Attribute; readonly value: string | false } | null {
  const equals = word.indexOf("=");
  const name = ATTRIBUTES.find((known) => known === word.slice(0, Math.max(0, equals)).toUpperCase());
  const text = decodeXtext(word.slice(equals + 1));
  if (name === undefined || text === null) return null;
  const value = UNKNOWN.includes(text.toUpperCase()) ? false : name === "ADDR" ? addressOf(text) : text;
  return value === null ? null : { name, value };
}

const UNKNOWN = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"];

function addressOf(text: string): string | null {
  const bare = text.toUpperCase().startsWith("IPV6:") ? text.slice(5) : text;
  return isIP(bare) === 0 ? null : normalizeIp(bare);
}

/** RFC 3461 §4: `+` and two upper-case hex digits for a byte. Null when it is none, or decodes to what nobody should be shown. */
function decodeXtext(text: string): string | null {
  if (text === "" || !/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return null;
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const fits = decoded.length <= VALUE_MAX && isAscii(decoded) && !/[\0-\x1f\x7f]/.test(decoded);
  return fits ? decoded : null;
}
