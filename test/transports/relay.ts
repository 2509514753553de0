import { onTestFinished } from "vitest";
import { createSmtpTransport, type SmtpOptions } from "../../src/transports/smtp.ts";
import type { Claim, Outgoing, Transport, TransportResult } from "../../src/transports/transport.ts";
import { SmtpPeer, type PeerOptions } from "../support/smtp-peer.ts";

export const ANN = "ann@acme.example";
export const BOB = "bob@acme.example";
export const CAROL = "carol@other.example";

const MESSAGE = Buffer.from("Subject: hello\r\n\r\nhello\r\n");

export async function startPeer(options: PeerOptions = {}): Promise<SmtpPeer> {
  const peer = await SmtpPeer.start(options);
  onTestFinished(() => peer.close());
  return peer;
}

/** To the peer, unencrypted on loopback; a step may take half a second. */
export function openTransport(peer: { readonly port: number }, options: Partial<SmtpOptions> = {}): Transport {
  const relay = { host: "127.0.0.1", port: peer.port, security: "none", auth: null } as const;
  const transport = createSmtpTransport({ relay, name: "gate.example", ...options });
  onTestFinished(() => transport.close());
  return transport;
}

export const QUICK = { connect: 400, greeting: 400, command: 400, check: 400, data: 400, block: 400, end: 400 } as const;

export interface Sent extends TransportResult {
  /** Recipients the claim was asked for, once a call. */
  readonly claims: readonly (readonly string[])[];
}

/** One transaction; the claim is granted unless another is given. */
export async function send(transport: Transport, mail: Partial<Outgoing> & { to?: readonly string[]; claim?: Claim } = {}): Promise<Sent> {
  const { to = [ANN], claim = async () => true, ...rest } = mail;
  const claims: (readonly string[])[] = [];
  const outgoing: Outgoing = {
    envelope: { sender: "agent@gate.example", recipients: to },
    bytes: async () => MESSAGE,
    signal: new AbortController().signal,
    name: { tenant: "ten_0000000000000000", mailbox: "mbx_0000000000000000", draft: "drf_0000000000000000", attempt: 1 },
    ...rest,
  };
  const result = await transport.send(outgoing, (accepted) => {
    claims.push(accepted);
    return claim(accepted);
  });
  return { ...result, claims };
}

/** Recipient and code of every reply. */
export function codes({ replies }: TransportResult): readonly (readonly [string, number | null])[] {
  return replies.map(({ recipient, code }) => [recipient, code]);
}
