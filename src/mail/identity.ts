import { foldAddress, parseAddress } from "./address.ts";
import { countOf, valuesOf, type HeaderField } from "./header.ts";
import { readMailboxField, type MailboxFault } from "./mailbox.ts";
import type { Identity, Verification } from "../model/message.ts";

/** The sender a header claims, before anything proves it. */
export type Claim =
  | { readonly kind: "claimed"; readonly address: string; readonly domain: string }
  | { readonly kind: "ambiguous"; readonly why: AmbiguousWhy };

/** Short codes, free of content, for the audit. */
export type AmbiguousWhy = "from_missing" | "from_repeated" | "from_syntax" | "from_disagreement" | `from_${MailboxFault}`;

/** What another reader took the From field to say. */
export interface FromReading {
  readonly fields: number;
  readonly addresses: readonly string[];
}

/**
 * The one address of the one From field, in the form addresses are matched in. Threat: a From that the verifier and the
 * reader take differently lets a sender prove one name and show another, so every reader must agree on one address.
 */
export function claimedSender(fields: readonly HeaderField[], readings: readonly FromReading[]): Claim {
  const why = fieldFault(fields);
  if (why !== null) return { kind: "ambiguous", why };
  const mailbox = readMailboxField(valuesOf(fields, "from")[0] ?? "");
  if (mailbox.kind === "not_one") return { kind: "ambiguous", why: `from_${mailbox.why}` };
  const address = foldAddress(mailbox.address);
  if (address === null || !readings.every((reading) => agrees(reading, address))) return { kind: "ambiguous", why: "from_disagreement" };
  return { kind: "claimed", address, domain: address.slice(address.lastIndexOf("@") + 1) };
}

function fieldFault(fields: readonly HeaderField[]): AmbiguousWhy | null {
  const lookalikes = fields.filter((field) => isFromLike(field.name));
  if (lookalikes.length === 0) return "from_missing";
  if (lookalikes.length > 1) return "from_repeated";
  return lookalikes[0]?.exact === true && countOf(fields, "from") === 1 ? null : "from_syntax";
}

/** `From `, ` From`, `From` with invisible bytes in it: fields that some reader of mail shows as From. */
function isFromLike(name: string): boolean {
  let letters = "";
  for (const character of name) if (character > " " && character < "\x7f") letters += character;
  return letters === "from";
}

function agrees(reading: FromReading, address: string): boolean {
  const [only] = reading.addresses;
  if (reading.fields !== 1 || reading.addresses.length !== 1 || only === undefined) return false;
  return foldAddress(requote(only)) === address;
}

/** The libraries give a quoted local part without its quotes. */
function requote(address: string): string {
  if (parseAddress(address) !== null) return address;
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at).replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return `"${local}"${address.slice(at)}`;
}

/** INVARIANT: verified only by a pass of SPF or DKIM for a domain aligned with From. */
export function identityOf(claim: Claim, verification: Verification): Identity {
  if (claim.kind === "ambiguous") return claim;
  const { spf, dkim } = verification.from_alignment;
  return { kind: "sender", address: claim.address, domain: claim.domain, verified: spf || dkim };
}
