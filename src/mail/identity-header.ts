import { createHash } from "node:crypto";
import { foldAddress } from "./address.ts";
import { IDENTITY_HEADERS } from "./composer.ts";
import { relaxedBodyHash } from "./dkim-sign.ts";
import { valuesOf, type Header } from "./header.ts";
import { readAddressList } from "./identity-header-recipients.ts";
import { readMailboxField } from "./mailbox.ts";
import type { Mode } from "../model/outbound.ts";

/** JWS `typ`: no other token of the same key can be passed off as an identity (RFC 8725 §3.11). */
export const IDENTITY_TYPE = "postern-identity+jwt";

/**
 * What the signed header says (MM-18). The last four bind it to one message: moved to another, or to the same one with
 * another sender, other recipients or another body, it is not valid any more.
 *
 * Threat: it says what the operator of `service` vouches for, to whoever trusts that operator's key. It proves nothing about
 * the domain in From (DKIM does), and everything but the bound parts, the subject above all, is DKIM's to protect.
 */
export interface IdentityClaims extends BoundParts {
  readonly v: 1;
  readonly operator: string;
  readonly oversight: Mode;
  readonly capabilities: readonly string[];
  readonly verified_operator: boolean;
  /** RFC 3339. */
  readonly created: string;
  readonly service: string;
}

export interface BoundParts {
  /** Without brackets. */
  readonly message_id: string;
  /** Folded for comparison: local part in lower case, domain in A-labels. */
  readonly from: string;
  /**
   * SHA-256, hex, of the folded addresses in To and Cc, sorted by their bytes, one a line. Not of Bcc: who received a mail
   * openly must be able to check it, and must not be able to guess who received it secretly.
   */
  readonly recipients_sha256: string;
  /** SHA-256, hex, of the body in the relaxed form of RFC 6376 §3.4.4. */
  readonly body_sha256: string;
}

/** The parts of a message that an identity is bound to. Null: one of them is missing, there twice, or cannot be read. */
export function boundParts(raw: Buffer, header: Header, bodyHash = relaxedBodyHash(raw.subarray(header.bodyOffset))): BoundParts | null {
  const [messageId, from] = [only(header, "message-id"), only(header, "from")];
  const recipients = recipientsOf(header);
  const sender = from === null ? null : readMailboxField(from);
  const folded = sender?.kind === "one" ? foldAddress(sender.address) : null;
  if (messageId === null || folded === null || recipients === null) return null;
  return {
    message_id: messageId.replace(/^<|>$/g, ""),
    from: folded,
    recipients_sha256: createHash("sha256").update(recipients.join("\n")).digest("hex"),
    body_sha256: bodyHash.toString("hex"),
  };
}

/** The header's names, lower case. */
export const IDENTITY_FIELDS = IDENTITY_HEADERS.map((name) => name.toLowerCase());

function only(header: Header, name: string): string | null {
  const [value, ...others] = valuesOf(header.fields, name);
  return value === undefined || others.length > 0 ? null : value;
}

function recipientsOf(header: Header): string[] | null {
  const folded: string[] = [];
  for (const name of ["to", "cc"]) {
    const values = valuesOf(header.fields, name);
    const addresses = values.length > 1 ? null : readAddressList(values[0] ?? "");
    if (addresses === null) return null;
    folded.push(...addresses.map((address) => foldAddress(address) ?? address));
  }
  return folded.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
