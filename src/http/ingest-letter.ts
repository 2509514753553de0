import { isIP } from "node:net";
import { composeParsed } from "../mail/compose-parsed.ts";
import { parseRecipient } from "../mail/compose-recipients.ts";
import { PosternError } from "../model/errors.ts";
import type { Envelope, MessageSource, Verification } from "../model/message.ts";
import type { Caller } from "./auth.ts";
import { readEnvelope, readItem, type Given, type ParsedItem, type RawItem } from "./ingest-request.ts";
import type { z } from "@hono/zod-openapi";

/** One message that was handed in, whichever form it had. */
export interface Letter {
  readonly bytes: Buffer;
  readonly envelope: Omit<Envelope, "recipient">;
  /** As they were given and as they are looked up, in order, once each. */
  readonly recipients: readonly string[];
  readonly source: MessageSource;
  readonly attested?: Verification;
  /** The sender that nobody has verified: must not be a mailbox of ours. Null: it will be looked for. */
  readonly claimed: string | null;
}

/** Throws for an item that is none; nothing has happened then. */
export function letterOf({ key }: Caller, given: Given): Letter {
  if (given.kind === "bytes") return rawLetter(given.bytes, readEnvelope(given.envelope), "ingest", key.attest);
  const item = readItem(given.item);
  return "raw" in item ? encodedLetter(item.raw, key.attest) : parsedLetter(item.parsed, key.attest);
}

function encodedLetter({ raw, envelope, source }: z.infer<typeof RawItem>, attest: boolean): Letter {
  const bytes = Buffer.from(raw, "base64");
  // Only the one canonical spelling, or two batches could hold the same message in two forms.
  if (bytes.toString("base64") !== raw) throw wrong("raw", "is not base64 (RFC 4648 §4)", "encode with padding and without line breaks");
  return rawLetter(bytes, envelope, source, attest);
}

type GivenEnvelope = ReturnType<typeof readEnvelope>;

/**
 * Threat: a client address is a claim, and SPF rests on it. Of a key that does not attest it is not used; what the bytes
 * prove by themselves, their signatures, is looked at all the same.
 */
function rawLetter(bytes: Buffer, envelope: GivenEnvelope, source: MessageSource, attest: boolean): Letter {
  const { from, to, ip, helo } = envelope;
  if (ip !== undefined && isIP(ip) === 0) throw wrong("envelope.ip", "is not an IP address", "give an IPv4 or IPv6 address");
  if (helo !== undefined && !/^[\x21-\x7e]+$/.test(helo)) throw wrong("envelope.helo", "is not a host name", "give what the client said");
  const client = attest && ip !== undefined ? { ip, helo: helo ?? "" } : { ip: "", helo: "" };
  const sender = from === "" || from === "<>" ? "" : addressOf(from, "envelope.from");
  return { bytes, envelope: { ...client, sender }, recipients: addressesOf(to, "envelope.to"), source, claimed: null };
}

function parsedLetter({ verification, received_at, ...parts }: z.infer<typeof ParsedItem>, attest: boolean): Letter {
  const attested = verification === null ? null : attestedBy(attest, verification);
  const recipients = addressesOf(parts.to, "to");
  const composed = composeParsed({ ...parts, date: received_at === null ? null : Date.parse(received_at) }, attested);
  if ("invalid" in composed) throw invalidParts(composed.invalid);
  const isProven = attested !== null && (attested.from_alignment.spf || attested.from_alignment.dkim);
  return {
    bytes: composed.mime,
    envelope: { ip: "", helo: "", sender: composed.from },
    recipients,
    source: "parsed",
    ...(attested === null ? {} : { attested }),
    claimed: isProven ? null : composed.from,
  };
}

function attestedBy(attest: boolean, stated: Verification): Verification {
  if (!attest) {
    throw new PosternError("forbidden", "this key may not say what was verified", {
      fix: "leave `verification` out, or ask an admin for a key with `attest`",
    });
  }
  for (const method of ["spf", "dkim"] as const) {
    if (stated.from_alignment[method] && stated[method] !== "pass")
      throw wrong(`verification.from_alignment.${method}`, "is true without a pass", `say \`${method}: "pass"\`, or leave it out`);
  }
  return stated;
}

function addressesOf(list: readonly string[], path: string): string[] {
  return [...new Set(list.map((entry) => addressOf(entry, path)))];
}

/** Without its name, domain as A-labels; ASCII, as on every other way in. */
function addressOf(entry: string, path: string): string {
  const read = parseRecipient(entry.trim());
  if ("address" in read) return read.address;
  throw new PosternError("invalid_request", `\`${path}\` is not an address`, {
    fix: "see `errors`",
    problems: [{ path, message: read.wrong }],
  });
}

function invalidParts(problems: readonly { readonly path: string; readonly message: string }[]): PosternError {
  return new PosternError("invalid_request", "the message cannot be composed", { fix: "see `errors`", problems });
}

function wrong(path: string, message: string, fix: string): PosternError {
  return new PosternError("invalid_request", `\`${path}\` ${message}`, { fix, problems: [{ path, message }] });
}
