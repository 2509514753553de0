import { MAIL_LIMITS, type MailLimits } from "../mail/limits.ts";

/** Bounds of the SMTP door (DESIGN §8). Every one is answered with a reply; none is enforced by running out of something. */
export interface SmtpLimits {
  /** Bytes of one message after dot-unstuffing (RFC 1870): 552 5.3.4. */
  readonly size: number;
  /** What the bytes may be, seen while they arrive. */
  readonly message: Omit<MailLimits, "size">;
  /** Recipients of one message: 452 4.5.3. */
  readonly recipients: number;
  /** Connections of one peer, an IPv4 address or an IPv6 /64: 421 4.7.0. Trusted relays carry many peers and are exempt. */
  readonly connectionsPerPeer: number;
  /** Connections in total: 421 4.3.2. */
  readonly connections: number;
  /** Replies 500–504 and forbidden commands in one session; the last of them is followed by 421. */
  readonly protocolErrors: number;
  /** Replies in one session without an accepted message, so that NOOP or RCPT for ever ends: 421. */
  readonly repliesWithoutMessage: number;
  /** Milliseconds without a byte from the peer while it is the peer's turn: 421. */
  readonly idleMs: number;
  /** Milliseconds one session may last however busy it looks; ends slow drips: 421. */
  readonly sessionMs: number;
  /** Milliseconds from the final dot to the answer; later decisions are read by the sender's retry: 451. */
  readonly answerMs: number;
  /** Judgements in flight, in total: half of the inbound worker's slots. 451 4.3.2, and nothing is judged. */
  readonly judgements: number;
  /** Judgements in flight for one peer. */
  readonly judgementsPerPeer: number;
  /** Milliseconds `close()` gives sessions in progress before they get 421. */
  readonly drainMs: number;
}

export const SMTP_LIMITS: SmtpLimits = Object.freeze({
  size: MAIL_LIMITS.size,
  message: MAIL_LIMITS,
  recipients: 100,
  connectionsPerPeer: 20,
  connections: 1_000,
  protocolErrors: 10,
  repliesWithoutMessage: 1_000,
  idleMs: 60_000,
  sessionMs: 30 * 60_000,
  answerMs: 30_000,
  judgements: 50,
  judgementsPerPeer: 5,
  drainMs: 7_000,
});
