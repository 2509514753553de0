import { domainToASCII } from "node:url";
import { foldLocal } from "../src/model/fold.ts";

// Addresses and domains, folded for matching: A-labels in lower case, local part in lower case (NFC). RFC 5321 lets
// local parts differ by case; nobody can rely on it, and a rule that misses its sender by case would surprise.

/** Null when the text is not a domain name: no dots at the ends, LDH labels after IDNA, at most 253 characters. */
export function foldDomain(text: string): string | null {
  if (text.length > 253 || /[^\p{L}\p{M}\p{N}.-]/u.test(text)) return null;
  const ascii = domainToASCII(text);
  return ascii.length <= 253 && /^(?:(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.|$))+$/.test(ascii) && !ascii.endsWith(".") ? ascii : null;
}

/** Null when the text is not `local@domain`. Quoted local parts and address literals are not accepted in policies. */
export function foldAddress(text: string): string | null {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  const domain = foldDomain(text.slice(at + 1));
  if (at < 1 || Buffer.byteLength(local) > 64 || domain === null) return null;
  return /^[^\s\p{C}"(),:;<>@[\\\]]+$/u.test(local) ? `${foldLocal(local)}@${domain}` : null;
}

/** The same for an address that a message proved: whatever it is, it folds, and what no rule can name matches none. */
export function foldSender(address: string): { readonly address: string; readonly domain: string } {
  const at = address.lastIndexOf("@");
  const domain = foldDomain(address.slice(at + 1)) ?? "";
  return { address: `${foldLocal(address.slice(0, Math.max(at, 0)))}@${domain}`, domain };
}
