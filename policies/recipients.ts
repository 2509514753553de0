import { foldAddress, foldDomain, foldSender } from "./address.ts";

// Entries of `outbound.allow` and `outbound.block`: `anna@acme.example` the address, `acme.example` the domain alone,
// `*.acme.example` the domain and all below it, `*` everybody.

/** The normal form of an entry, or null when it is none. */
export function parseEntry(text: string): string | null {
  if (text === "*") return text;
  if (text.includes("@")) return foldAddress(text);
  const below = text.startsWith("*.");
  const domain = foldDomain(below ? text.slice(2) : text);
  return domain === null ? null : `${below ? "*." : ""}${domain}`;
}

/** Recipients as a list of entries names them. Look-ups cost the labels of the domain, however long the list is. */
export interface RecipientList {
  /** True when an entry names the address. */
  has(address: string): boolean;
  /** True when every address that `entry` names is named here by one entry. */
  covers(entry: string): boolean;
}

/** `entries` in normal form. */
export function recipientList(entries: readonly string[]): RecipientList {
  const named = new Set(entries);
  const everybody = named.has("*");
  return {
    has(address) {
      if (everybody) return true;
      const folded = foldSender(address);
      return named.has(folded.address) || named.has(folded.domain) || anyParent(named, folded.domain);
    },
    covers(entry) {
      if (everybody || named.has(entry)) return true;
      const domain = entry.slice(entry.lastIndexOf("@") + 1).replace(/^\*\./, "");
      return anyParent(named, domain) || (entry.includes("@") && named.has(domain));
    },
  };
}

/** `*.` before the domain itself or one above it. */
function anyParent(named: ReadonlySet<string>, domain: string): boolean {
  for (let rest = domain; rest !== "";) {
    if (named.has(`*.${rest}`)) return true;
    const dot = rest.indexOf(".");
    rest = dot < 0 ? "" : rest.slice(dot + 1);
  }
  return false;
}
