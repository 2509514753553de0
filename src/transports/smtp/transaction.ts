import type { Claim, Reply, TransportResult } from "../transport.ts";
import { SmtpFault } from "./fault.ts";
import { enhancedOf, firstLine, type SmtpReply } from "./reply.ts";
import { cutOnAbort, type Extensions, type Session } from "./session.ts";
import { stuffed } from "./stuffing.ts";
import type { SmtpTimes } from "./times.ts";
import type { Wire } from "./wire.ts";

/** One message for one transaction. */
export interface Mail {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly bytes: Buffer;
}

/**
 * MAIL, RCPT for each, the claim, DATA, the bytes, the final dot (RFC 5321 §3.3). Rejects for nothing that the peer does, only
 * when `claim` does. The connection is cut whenever peer and we may no longer agree on where we are.
 *
 * INVARIANT (DESIGN §9.7): DATA is said after `claim` resolved true; from the first byte of content on a lost connection is
 * `unknown`; a definite answer is believed.
 */
export async function transact(
  session: Session,
  mail: Mail,
  claim: Claim,
  times: SmtpTimes,
  signal: AbortSignal,
): Promise<TransportResult> {
  const { wire } = session;
  const answers = new Answers(mail.recipients);
  try {
    await envelope(session, mail, times, signal, answers);
    const accepted = answers.open();
    if (accepted.length === 0) return answers.completed();
    if (!(await claim(accepted))) throw new SmtpFault("not to be sent any more", "RCPT");
    wire.limit(performance.now() + times.data);
    const go = await wire.command("DATA", "DATA", times.data);
    if (go.code !== 354) return refuseAll(wire, answers, go);
  } catch (error) {
    wire.cut(new SmtpFault("given up", wire.step));
    if (error instanceof SmtpFault) return answers.lost(error).end("failed_before_data");
    throw error;
  }
  return content(wire, mail.bytes, times, answers);
}

async function envelope({ wire, extensions }: Session, mail: Mail, times: SmtpTimes, signal: AbortSignal, answers: Answers): Promise<void> {
  refuseUnsayable(mail, extensions, answers);
  if (answers.open().length === 0) return;
  const free = cutOnAbort(wire, signal);
  try {
    const from = await wire.command(mailCommand(mail, extensions), "MAIL", times.command);
    if (!isYes(from, wire)) return void refuseAll(wire, answers, from);
    for (const recipient of answers.open()) await nameRecipient(wire, recipient, times, answers);
  } finally {
    free();
  }
}

async function nameRecipient(wire: Wire, recipient: string, times: SmtpTimes, answers: Answers): Promise<void> {
  const reply = await wire.command(`RCPT TO:<${recipient}>`, "RCPT", times.command);
  if (!isYes(reply, wire)) answers.one(recipient, reply);
  // RFC 5321 §3.8: it is about to close, and what it took before goes with it.
  if (reply.code === 421) throw new SmtpFault("the relay said 421", "RCPT");
}

/** Refused by us in the peer's name, because it would, or could not be asked. */
function refuseUnsayable({ sender, recipients, bytes }: Mail, { size, utf8 }: Extensions, answers: Answers): void {
  if (!isSayable(sender)) throw new TypeError("an envelope sender is an address, or nothing");
  if (size !== null && bytes.length > size)
    answers.all(own(552, "5.3.4", `the message has ${bytes.length} bytes, the relay takes ${size}`));
  if (!utf8 && !isAscii(sender)) answers.all(own(550, "5.6.7", "the relay takes ASCII addresses only"));
  for (const recipient of recipients) {
    if (!isSayable(recipient)) answers.one(recipient, own(553, "5.1.3", "not an address that SMTP can name"));
    else if (!utf8 && !isAscii(recipient)) answers.one(recipient, own(553, "5.6.7", "the relay takes ASCII addresses only"));
  }
}

function mailCommand({ sender, recipients, bytes }: Mail, { size, utf8 }: Extensions): string {
  const wide = utf8 && ![sender, ...recipients].every(isAscii);
  return `MAIL FROM:<${sender}>${size === null ? "" : ` SIZE=${bytes.length}`}${wide ? " SMTPUTF8" : ""}`;
}

function isSayable(address: string): boolean {
  return !/[\0-\x20\x7f<>]/.test(address) && address.isWellFormed();
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

function own(code: number, enhanced: string, text: string): SmtpReply {
  return { code, lines: [`${enhanced} ${text}`] };
}

/** A 3yz reply to a command that has none is a peer out of step. */
function isYes({ code }: SmtpReply, { step }: Wire): boolean {
  if (code >= 300 && code < 400) throw new SmtpFault(`the relay said ${code}`, step);
  return code < 300;
}

/** The bytes, and what the peer says to them. Never rejects. */
async function content(wire: Wire, bytes: Buffer, times: SmtpTimes, answers: Answers): Promise<TransportResult> {
  try {
    wire.limit(performance.now() + times.content);
    for (const block of stuffed(bytes)) {
      const early = await wire.write(block, "content", times.block);
      if (early !== null) return refusedEarly(wire, answers, early);
    }
    wire.limit(performance.now() + times.end);
    const reply = await wire.command(".", "final dot", times.end);
    if (!isYes(reply, wire)) return refuseAll(wire, answers, reply);
    return answers.all(reply).completed();
  } catch (error) {
    const fault = error instanceof SmtpFault ? error : new SmtpFault("given up", wire.step);
    wire.cut(fault);
    return answers.lost(fault).end("unknown");
  }
}

// RFC 5321 §4.1.1.10: without the final dot nothing was taken, and now it is never said.
function refusedEarly(wire: Wire, answers: Answers, reply: SmtpReply): TransportResult {
  if (reply.code < 400) throw new SmtpFault(`the relay said ${reply.code} before the end`, "content");
  wire.cut(new SmtpFault("refused before the end", "content"));
  return answers.all(reply).completed();
}

/** 4yz or 5yz for everybody not answered yet; a 2yz where 354 belongs is a peer out of step. */
function refuseAll(wire: Wire, answers: Answers, reply: SmtpReply): TransportResult {
  if (reply.code < 400) throw new SmtpFault(`the relay said ${reply.code}`, wire.step);
  if (reply.code === 421) wire.cut(new SmtpFault("the relay said 421", wire.step));
  return answers.all(reply).completed();
}

/** What is known of each recipient; the first word stands. */
class Answers {
  readonly #recipients: readonly string[];
  readonly #replies = new Map<string, Reply>();

  constructor(recipients: readonly string[]) {
    this.#recipients = recipients;
  }

  /** Recipients without an answer. */
  open(): readonly string[] {
    return this.#recipients.filter((recipient) => !this.#replies.has(recipient));
  }

  one(recipient: string, reply: SmtpReply): void {
    if (this.#replies.has(recipient)) return;
    this.#replies.set(recipient, { recipient, code: reply.code, enhanced: enhancedOf(reply), text: firstLine(reply) });
  }

  all(reply: SmtpReply): this {
    for (const recipient of this.open()) this.one(recipient, reply);
    return this;
  }

  lost({ message }: SmtpFault): this {
    for (const recipient of this.open()) this.#replies.set(recipient, { recipient, code: null, enhanced: null, text: message });
    return this;
  }

  completed(): TransportResult {
    return this.end("completed");
  }

  end(end: TransportResult["end"]): TransportResult {
    return { end, replies: this.#recipients.map((recipient) => this.#replies.get(recipient) as Reply) };
  }
}
