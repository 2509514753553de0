import { domainToASCII } from "node:url";

// Addresses are read by hand: every regular expression for them is either wrong or slow.

/** RFC 5321 Mailbox. `local` without the quotes of a quoted string, `domain` as written. */
export interface Address {
  readonly local: string;
  readonly domain: string;
}

// RFC 5321 §4.5.3.1.1 says 64; return paths that encode a recipient are longer in practice.
const LOCAL_BYTES = 128;
const DOMAIN_BYTES = 253;
const LABEL_BYTES = 63;

/** an address must not look like another one, or spell words that only a model reads. */
const SHAPELESS = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;

/**
 * Strict: one addr-spec and nothing else, dot-atom or quoted local part, a host name as domain, UTF-8 as in RFC 6531. No
 * comments, routes, folding or address literals. Null for anything else.
 */
export function parseAddress(text: string): Address | null {
  const parsed = text.startsWith('"') ? parseQuotedLocal(text) : parseAtomLocal(text);
  if (parsed === null || Buffer.byteLength(parsed.local) > LOCAL_BYTES || SHAPELESS.test(parsed.local)) return null;
  return foldDomain(parsed.domain) === null ? null : parsed;
}

/** The inverse of `parseAddress`: quotes the local part where it must be. */
export function formatAddress({ local, domain }: Address): string {
  return `${isDotAtom(local) ? local : quote(local)}@${domain}`;
}

function parseAtomLocal(text: string): Address | null {
  const at = text.indexOf("@");
  if (at === -1) return null;
  const local = text.slice(0, at);
  return isDotAtom(local) ? { local, domain: text.slice(at + 1) } : null;
}

function parseQuotedLocal(text: string): Address | null {
  let local = "";
  for (let at = 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') return text.charAt(at + 1) === "@" ? { local, domain: text.slice(at + 2) } : null;
    const unit = character === "\\" ? text.charAt(++at) : character;
    if (!isQuotable(unit)) return null;
    local += unit;
  }
  return null;
}

function isQuotable(unit: string): boolean {
  const code = unit.charCodeAt(0);
  return code >= 0x20 && code !== 0x7f && !(code >= 0x80 && code <= 0x9f);
}

function quote(local: string): string {
  return `"${local.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function isDotAtom(local: string): boolean {
  if (!local.isWellFormed()) return false;
  return local.split(".").every((atom) => atom !== "" && everyUnit(atom, isAtomCode));
}

const ATOM_SPECIALS = "!#$%&'*+-/=?^_`{|}~";

function isAtomCode(code: number): boolean {
  // RFC 6531 allows UTF-8; the no-break space and its kin are only there to deceive.
  return isAlphanumeric(code) || ATOM_SPECIALS.includes(String.fromCharCode(code)) || (code > 0xa0 && !isSpaceLike(code));
}

function isSpaceLike(code: number): boolean {
  return code === 0x1680 || (code >= 0x2000 && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) || code === 0x3000 || code === 0xfeff;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function everyUnit(text: string, holds: (code: number) => boolean): boolean {
  for (let at = 0; at < text.length; at++) if (!holds(text.charCodeAt(at))) return false;
  return true;
}

/** The form domains are compared in: A-labels, lower case (RFC 5890). Null when it is no host name. */
export function foldDomain(domain: string): string | null {
  if (domain.length > DOMAIN_BYTES || !domain.isWellFormed() || !everyUnit(domain, isDomainCode)) return null;
  // domainToASCII is the URL standard's host parser: only host names may reach it, or `0x7f.1` becomes 127.0.0.1.
  const folded = isFolded(domain) ? domain : domainToASCII(domain);
  if (folded === "" || folded.length > DOMAIN_BYTES) return null;
  const labels = folded.split(".");
  return labels.every(isLabel) && !isNumeric(labels.at(-1) ?? "") ? folded : null;
}

/** Lower case ASCII without an A-label, which could be a wrong one: asking for what it already is costs twenty times more. */
function isFolded(domain: string): boolean {
  return everyUnit(domain, isFoldedCode) && !domain.includes("xn--");
}

function isFoldedCode(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e;
}

function isDomainCode(code: number): boolean {
  return isLabelCode(code) || code === 0x2e || code > 0xa0;
}

function isLabelCode(code: number): boolean {
  return isAlphanumeric(code) || code === 0x2d || code === 0x5f;
}

function isLabel(label: string): boolean {
  if (label === "" || label.length > LABEL_BYTES || label.startsWith("-") || label.endsWith("-")) return false;
  return everyUnit(label, isLabelCode);
}

/** A last label like `1` or `0x7f` makes the name an IPv4 address to a URL parser. */
function isNumeric(label: string): boolean {
  return everyUnit(label, (code) => code >= 0x30 && code <= 0x39) || label.startsWith("0x");
}

/**
 * The form addresses are matched in: local part with ASCII letters lowered, domain as `foldDomain`. For matching only;
 * send to the address as written. Non-ASCII letters keep their case: the Kelvin sign must not become a `k`.
 */
export function foldAddress(text: string): string | null {
  const address = parseAddress(text);
  if (address === null) return null;
  return formatAddress({ local: lowerAscii(address.local), domain: foldDomain(address.domain) ?? address.domain });
}

function lowerAscii(text: string): string {
  let lower = "";
  for (const character of text) lower += character >= "A" && character <= "Z" ? character.toLowerCase() : character;
  return lower;
}

/** `local+tag` reaches the mailbox of `local` (RFC 5233). The first `+` counts; a leading one is no tag. */
export function splitTag(local: string): { readonly base: string; readonly tag: string | null } {
  const plus = local.indexOf("+");
  return plus <= 0 ? { base: local, tag: null } : { base: local.slice(0, plus), tag: local.slice(plus + 1) };
}
