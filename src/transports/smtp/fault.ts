/**
 * Why a dialogue with the next hop came to nothing. `message` ends up beside a delivery: it names the step, may quote what
 * the peer said there, and never what was said to it.
 */
export class SmtpFault extends Error {
  constructor(what: string, step: Step) {
    super(`${what} (${step})`);
    this.name = "SmtpFault";
  }
}

/** Where in the dialogue one is. */
export type Step =
  "queue" | "connect" | "greeting" | "EHLO" | "STARTTLS" | "AUTH" | "RSET" | "MAIL" | "RCPT" | "DATA" | "content" | "final dot" | "QUIT";
