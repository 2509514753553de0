/**
 * Why a dialogue with the next hop came to nothing. `message` ends up beside a delivery: it names the step, may quote what
 * the peer said there, and never what was said to it.
 */
export class SmtpFault extends Error {
  readonly kind: "connect" | "tls" | "timeout" | "closed" | "protocol" | "refused" | "cancelled";

  constructor(kind: SmtpFault["kind"], what: string, step: Step) {
    super(`${what} (${step})`);
    this.name = "SmtpFault";
    this.kind = kind;
  }
}

/** Where in the dialogue one is. */
export type Step =
  "queue" | "connect" | "greeting" | "EHLO" | "STARTTLS" | "AUTH" | "RSET" | "MAIL" | "RCPT" | "DATA" | "content" | "final dot" | "QUIT";
