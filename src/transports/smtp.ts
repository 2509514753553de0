import { PosternError } from "../model/errors.ts";
import type { Relay } from "./relay.ts";
import { SmtpFault } from "./smtp/fault.ts";
import { Pool } from "./smtp/pool.ts";
import type { Session } from "./smtp/session.ts";
import { isSafe } from "./smtp/stuffing.ts";
import { SMTP_TIMES, type SmtpTimes } from "./smtp/times.ts";
import { transact } from "./smtp/transaction.ts";
import type { Outgoing, Transport, TransportResult } from "./transport.ts";

export interface SmtpOptions {
  readonly relay: Relay;
  /** This host's name, for EHLO. */
  readonly name: string;
  readonly times?: Partial<SmtpTimes>;
  /** Connections at once, default 5. */
  readonly connections?: number;
  /** Milliseconds a connection is kept without use, default 30,000. */
  readonly idleMs?: number;
  /** Messages over one connection, default 100. */
  readonly messages?: number;
  /** PEM of the authority to believe instead of the system's. */
  readonly ca?: string;
}

/**
 * Mail to one relay by SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS from the start, AUTH PLAIN or LOGIN (RFC 4954), SIZE
 * (RFC 1870), SMTPUTF8 where an address needs it (RFC 6531); no pipelining, so that the claim has its place between RCPT
 * and DATA. A client of our own rather than nodemailer's, whose `send` has no such place: it says DATA together with MAIL
 * to a server that pipelines, and reads half a reply before a cut as an answer.
 */
export function createSmtpTransport(options: SmtpOptions): Transport {
  const times = { ...SMTP_TIMES, ...options.times };
  const { connections = 5, idleMs = 30_000, messages = 100 } = options;
  const pool = new Pool({ ...options, name: heloName(options.name), times, connections, idleMs, messages });

  const carry = async (session: Session, mail: Outgoing, claim: Parameters<Transport["send"]>[1]): Promise<TransportResult> => {
    try {
      const bytes = await mail.bytes();
      if (!(await isSafe(bytes))) throw new PosternError("internal", "the message to be sent is not made of 7-bit lines");
      return await transact(session, { ...mail.envelope, bytes }, claim, times, mail.signal);
    } finally {
      pool.give(session);
    }
  };

  return {
    kind: "smtp",
    async send(mail, claim) {
      const session = await pool.take(performance.now() + times.envelope, mail.signal).catch(toFault);
      return session instanceof SmtpFault ? nothingSaid(mail, session) : carry(session, mail, claim);
    },
    close: () => pool.close(),
  };
}

function toFault(error: unknown): SmtpFault {
  if (error instanceof SmtpFault) return error;
  throw error;
}

function nothingSaid({ envelope }: Outgoing, { message }: SmtpFault): TransportResult {
  const replies = envelope.recipients.map((recipient) => ({ recipient, code: null, enhanced: null, text: message }));
  return { end: "failed_before_data", replies };
}

/** RFC 5321 §4.1.4: a domain name, or an address literal where the host has none. */
function heloName(name: string): string {
  return /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(name) ? name : "[127.0.0.1]";
}
