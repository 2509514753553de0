import type { SMTPServerSession } from "smtp-server";
import { normalizeIp, peerKey } from "./peers.ts";
import type { Mail, Protocol } from "./transaction.ts";

const HELO_MAX = 255;

/** Where mail really comes from, as far as somebody who is believed has said. Null: nobody knows. */
interface Client {
  readonly ip: string | null;
  readonly helo: string;
}

/**
 * Who sends the mail of this transaction. Attributes are there only of relays that are trusted. Threat: LMTP is spoken by
 * the MTA in front of us, so its own address proves nothing about a sender; taken for the client's, it would give a pass
 * of SPF for the MTA's own domain to whatever mail it brings. What is not stated is not known there.
 */
export function senderOf(
  session: SMTPServerSession,
  { trusted, protocol }: { readonly trusted: (ip: string) => boolean; readonly protocol: Protocol },
): Omit<Mail, "routes"> {
  const relay = normalizeIp(session.remoteAddress) ?? session.remoteAddress;
  const { ip, helo } = clientOf(session, protocol === "lmtp" ? null : relay);
  const sender = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
  const counted = ip ?? relay;
  return {
    envelope: { ip: ip ?? "", helo: helo.slice(0, HELO_MAX).toWellFormed(), sender },
    peer: trusted(counted) ? null : peerKey(counted),
    told: counted === "" ? "unix" : counted,
  };
}

/** XFORWARD is of one transaction, XCLIENT of the connection; an EHLO after the latter is the client's. */
function clientOf({ xForward, xClient, remoteAddress, hostNameAppearsAs }: SMTPServerSession, peer: string | null): Client {
  // False before a greeting, whatever the library's type says.
  const greeted = hostNameAppearsAs || "";
  if (xForward.has("ADDR")) return { ip: known(xForward.get("ADDR")), helo: (known(xForward.get("HELO")) ?? "").toLowerCase() };
  const helo = known(xClient.get("HELO"))?.toLowerCase() ?? greeted;
  if (xClient.has("ADDR")) return { ip: known(xClient.get("ADDR")) === null ? null : normalizeIp(remoteAddress), helo };
  return { ip: peer, helo };
}

function known(value: string | number | false | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
