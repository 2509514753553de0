import { parseAddress } from "./address.ts";

/** The one mailbox of an address field, or why it is not exactly one. */
export type MailboxField = { readonly kind: "one"; readonly address: string } | { readonly kind: "not_one"; readonly why: MailboxFault };

export type MailboxFault = "several_addresses" | "group" | "malformed";

/**
 * A strict reader of a field that should hold one mailbox (RFC 5322 §3.4), independent of the libraries' lenient one:
 * `"name" <local@domain>` or `local@domain`, comments around them. What two readers could take differently,
 * such as `<any@a>b@c` or an unquoted `@` in a name, is malformed.
 */
export function readMailboxField(value: string): MailboxField {
  const scan: Scan = { value, at: 0, words: "", angle: null, fault: null };
  while (scan.at < value.length && scan.fault === null) step(scan);
  return conclude(scan);
}

interface Scan {
  readonly value: string;
  at: number;
  /** Everything outside comments and the angle brackets, quoted strings kept whole. */
  words: string;
  angle: string | null;
  fault: MailboxFault | null;
}

function conclude(scan: Scan): MailboxField {
  const words = scan.words.trim();
  if (scan.fault !== null) return { kind: "not_one", why: scan.fault };
  if (scan.angle !== null && hasBareAt(words)) return { kind: "not_one", why: "malformed" };
  const address = scan.angle ?? words;
  return parseAddress(address) === null ? { kind: "not_one", why: "malformed" } : { kind: "one", address };
}

function step(scan: Scan): void {
  const character = scan.value.charAt(scan.at);
  if (character === "(") skipComment(scan);
  else if (character === "<") takeAngle(scan);
  else if (character === ",") scan.fault = "several_addresses";
  else if (character === ":" || character === ";") scan.fault = "group";
  else if (character === ">" || character === ")") scan.fault = "malformed";
  else takeWord(scan, character);
}

function takeWord(scan: Scan, character: string): void {
  // Only comments may follow the angle brackets.
  if (scan.angle !== null && character.trim() !== "") scan.fault = "malformed";
  const end = character === '"' ? endOfQuoted(scan.value, scan.at) : scan.at + 1;
  if (end === null) scan.fault = "malformed";
  else scan.words += scan.value.slice(scan.at, end);
  scan.at = end ?? scan.value.length;
}

function takeAngle(scan: Scan): void {
  const end = endOfAngle(scan.value, scan.at + 1);
  if (end === null || scan.angle !== null) scan.fault = "malformed";
  else scan.angle = scan.value.slice(scan.at + 1, end).trim();
  scan.at = (end ?? scan.value.length) + 1;
}

function endOfAngle(value: string, start: number): number | null {
  for (let at = start; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === ">") return at;
    if (character === "<") return null;
    if (character === '"') at = (endOfQuoted(value, at) ?? value.length) - 1;
  }
  return null;
}

/** Past the closing quote of the string that opens at `start`. */
function endOfQuoted(value: string, start: number): number | null {
  for (let at = start + 1; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === '"') return at + 1;
    if (character === "\\") at++;
  }
  return null;
}

/** RFC 5322 §3.2.2: comments nest, and stand for a space. */
function skipComment(scan: Scan): void {
  scan.words += " ";
  let open = 0;
  for (; scan.at < scan.value.length; scan.at++) {
    const character = scan.value.charAt(scan.at);
    if (character === "\\") scan.at++;
    else if (character === "(") open++;
    else if (character === ")" && --open === 0) {
      scan.at++;
      return;
    }
  }
  scan.fault = "malformed";
}

function hasBareAt(words: string): boolean {
  for (let at = 0; at < words.length; at++) {
    if (words.charAt(at) === '"') at = (endOfQuoted(words, at) ?? words.length) - 1;
    else if (words.charAt(at) === "@") return true;
  }
  return false;
}
