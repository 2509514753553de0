import type net from "node:net";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { SMTPServer } from "smtp-server";
import { pathOf } from "./address.ts";
import { type Reply, REPLY } from "./answers.ts";
import type { SmtpLimits } from "./limits.ts";
import { MessageStream } from "./message-stream.ts";
import type { Protocol } from "./transaction.ts";
import { parseXforward } from "./xforward.ts";

/** Bytes. RFC 5321 §4.5.3.1.4 wants 512, and parameters and XCLIENT want more. */
const COMMAND_LENGTH = 2_048;

/** What one connection is told by the door it came through. */
export interface ConnectionTerms {
  readonly limits: SmtpLimits;
  readonly protocol: Protocol;
  /** Whether a peer may state whom it speaks for (XCLIENT, XFORWARD). */
  readonly trusted: (ip: string) => boolean;
  readonly replied: (code: number) => void;
  /** Called once, when the socket is gone. */
  readonly gone: () => void;
}

/** RFC 3463 code at the start of a text: one of ours, which the library's guess must not precede. */
const ENHANCED = /^[245]\.\d{1,3}\.\d{1,3} /;

/** `smtp-server`'s session with what its options cannot say. It calls `send` for every reply, which is where sessions are counted and ended. */
export class Connection extends SMTPConnection {
  readonly #terms: ConnectionTerms;
  readonly #lifetime: NodeJS.Timeout;
  #errors = 0;
  /** Replies that a message still has to get; LMTP gives one for each recipient, and ends a session between none of them. */
  #owed = 0;
  #repliesWithoutMessage = 0;

  constructor(server: SMTPServer, socket: net.Socket, options: SMTPConnectionOptions, terms: ConnectionTerms) {
    super(server, socket, options);
    this.#terms = terms;
    // An interval, because the library lets a session be while it is our turn and nobody asks again afterwards.
    this.#lifetime = setInterval(() => this._onTimeout(), terms.limits.sessionMs).unref();
  }

  /** Greets at once; the library would hold every sender up by 100 ms to catch those that talk too soon. */
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const [theCode, theText] = this.#worded(code, data);
    this.#terms.replied(theCode);
    super.send(theCode, theText, typeof theText === "string" && ENHANCED.test(theText) ? false : context);
    if (theCode === 421 || theCode === 221) return;
    this.#owed = theCode === 354 ? this.#repliesToMessage : Math.max(0, this.#owed - 1);
    const end = this.#reasonToEnd(theCode, context);
    if (end !== null) this.dismiss(end);
  }

  /** Says why and closes. */
  dismiss(reply: Reply): void {
    this.#terms.replied(reply.code);
    super.send(reply.code, `${reply.enhanced} ${reply.text}`, false);
    this.close();
  }

  /** For closing time: leaves a peer alone that waits for our reply or is in the middle of a message. */
  dismissIfIdle(): void {
    if (!this._dataStream && !this._handlerPending) this.dismiss(REPLY.closing);
  }

  override _createParser(): MessageStream {
    const parser = new MessageStream({ maxCommandLength: COMMAND_LENGTH });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.on("error", () => this.dismiss(REPLY.lineTooLong));
    return parser;
  }

  override _proxyCommandAllowed(command: string): boolean {
    // Once only: the client spoken for must not state another address through its relay.
    return !this._xClient.has("ADDR") && this.#terms.trusted(this._originalRemoteAddress) && this._isSupported(command);
  }

  override _parseAddressCommand(name: string, command: Buffer | string): ReturnType<SMTPConnection["_parseAddressCommand"]> {
    const parsed = super._parseAddressCommand(name, command);
    // The library turns A-labels into Unicode, which does not always turn back into what was sent.
    if (parsed) parsed.address = pathOf(command.toString());
    return parsed;
  }

  /**
   * In place of the library's: that one takes what is forwarded for the connection's own and for all that follows, so
   * mail of which the relay knows nothing would be judged by the client before it, or be refused for having no HELO.
   */
  override handler_XFORWARD(command: Buffer, callback: () => void): void {
    const [code, text, context] = this.#forward(command.toString());
    this.send(code, text, context);
    callback();
  }

  /** Also called at the end of each transaction, with which XFORWARD ends. */
  override _resetSession(): void {
    this._xForward = new Map();
    super._resetSession();
  }

  /** RFC 2033 §4.2: one reply for each RCPT, also where two are the same; the library would make one recipient of them. */
  override handler_RCPT(command: Buffer, callback: () => void): void {
    if (this.#terms.protocol === "lmtp") this._rcptIndex.clear();
    super.handler_RCPT(command, callback);
  }

  override _onClose(): void {
    super._onClose();
    clearInterval(this.#lifetime);
    this.#terms.gone();
  }

  get #closing(): boolean {
    return this._server._closeTimeout !== false;
  }

  /** The library's 421s, where RFC 3463 has a better code than its default. */
  #worded(code: number, data?: string | string[] | null): readonly [number, string | string[] | null | undefined] {
    if (code !== 421) return [code, data];
    if (this.#closing) return [code, textOf(REPLY.closing)];
    return [code, data === "Error: too many unrecognized commands" ? textOf(REPLY.tooManyErrors) : data];
  }

  #forward(line: string): readonly [number, string, string?] {
    if (!this._proxyCommandAllowed("XFORWARD")) return [550, "Error: Not allowed", "NOT_AUTHORIZED"];
    if (this.session.envelope.mailFrom) return [503, "Error: Mail transaction in progress"];
    const forwarded = parseXforward(line);
    if (forwarded === null) return [501, "Error: Bad command parameter syntax"];
    for (const [name, value] of forwarded) this._xForward.set(name, value);
    return [250, "OK"];
  }

  get #repliesToMessage(): number {
    return this.#terms.protocol === "lmtp" ? this.session.envelope.rcptTo.length : 1;
  }

  #reasonToEnd(code: number, context: string | false | undefined): Reply | null {
    this.#repliesWithoutMessage = context === "DATA_OK" ? 0 : this.#repliesWithoutMessage + 1;
    if (isProtocolError(code, context)) this.#errors += 1;
    if (this.#owed > 0) return null;
    if (this.#errors >= this.#terms.limits.protocolErrors) return REPLY.tooManyErrors;
    if (this.#repliesWithoutMessage >= this.#terms.limits.repliesWithoutMessage) return REPLY.tooManyCommands;
    return this.#closing ? REPLY.closing : null;
  }
}

function textOf(reply: Reply): string {
  return `${reply.enhanced} ${reply.text}`;
}

/** RFC 5321 §4.2.4: syntax, order, unknown or forbidden commands; not what a mailbox or a message is refused for. */
function isProtocolError(code: number, context: string | false | undefined): boolean {
  return (code >= 500 && code <= 504) || code === 555 || context === "NOT_AUTHORIZED";
}
