/**
 * Milliseconds each step may take. RFC 5321 §4.5.3.2 wants at least 5 minutes for greeting, MAIL and RCPT, 2 for DATA, 3
 * for a block, 10 for the reply to the final dot; `envelope` and `content` bound what many slow steps add up to.
 */
export interface SmtpTimes {
  readonly connect: number;
  readonly greeting: number;
  readonly command: number;
  /** RSET on a connection that is to be used again, QUIT. */
  readonly check: number;
  readonly data: number;
  readonly block: number;
  /** From the final dot to its reply. Shorter than the RFC's and one message more may become `unknown`. */
  readonly end: number;
  /** Everything before the claim, waiting for a free connection included. */
  readonly envelope: number;
  /** All blocks together. */
  readonly content: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const SMTP_TIMES: SmtpTimes = {
  connect: 30 * SECOND,
  greeting: 5 * MINUTE,
  command: 5 * MINUTE,
  check: 5 * SECOND,
  data: 2 * MINUTE,
  block: 3 * MINUTE,
  end: 10 * MINUTE,
  envelope: 10 * MINUTE,
  content: 10 * MINUTE,
};
