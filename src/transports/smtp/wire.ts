import net from "node:net";
import tls from "node:tls";
import { SmtpFault, type Step } from "./fault.ts";
import { NotAReply, ReplyReader, type SmtpReply } from "./reply.ts";

/** Replies that wait unread: one is asked for at a time, so more is a peer out of step. */
const MOST_UNREAD = 8;

/**
 * One connection to the next hop: lines out, replies in, every wait with an end. The first fault is the last thing that
 * happens on it. INVARIANT: what counts as the answer to a command came after the command was written.
 */
export class Wire {
  step: Step = "connect";
  #socket: net.Socket;
  #reader = new ReplyReader();
  #replies: SmtpReply[] = [];
  #fault: SmtpFault | null = null;
  /** Told of every reply, fault and drain. */
  #moved: () => void = () => {};
  /** On `performance.now()`'s scale; bounds every wait together. */
  #deadline = Infinity;

  constructor(to: net.TcpNetConnectOpts, deadline: number) {
    this.#deadline = deadline;
    this.#socket = net.connect({ ...to, noDelay: true, keepAlive: true });
    this.#attach();
  }

  async connected(ms: number): Promise<void> {
    await this.#happens(this.#socket, "connect", ms);
  }

  /** False once anything has gone wrong or the peer has spoken unasked. */
  get usable(): boolean {
    return this.#fault === null && this.#replies.length === 0 && this.#reader.idle;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? "";
  }

  /** All waits from now on end by then, on `performance.now()`'s scale. */
  limit(deadline: number): void {
    this.#deadline = deadline;
  }

  /** The next reply, whole within `ms`. */
  async reply(step: Step, ms: number): Promise<SmtpReply> {
    this.step = step;
    await this.#until(() => this.#replies.length > 0, ms);
    return this.#replies.shift() as SmtpReply;
  }

  async command(line: string, step: Step, ms: number): Promise<SmtpReply> {
    this.step = step;
    this.#mustBeInStep();
    // Whatever was put into it: one line is one command.
    if (/[\0\r\n]/.test(line)) throw new TypeError("an SMTP command is one line");
    this.#socket.write(`${line}\r\n`);
    return this.reply(step, ms);
  }

  /** What the peer has said unasked. */
  heard(): SmtpReply | null {
    return this.#replies.shift() ?? null;
  }

  /**
   * Resolves when there is room for more. A reply that comes before everything is written is returned: the peer has made up
   * its mind early.
   */
  async write(bytes: Buffer, step: Step, ms: number): Promise<SmtpReply | null> {
    this.step = step;
    if (this.#fault !== null) throw this.#fault;
    if (this.#replies.length === 0 && !this.#socket.write(bytes)) {
      const drained = (): void => this.#moved();
      this.#socket.on("drain", drained);
      await this.#until(() => !this.#socket.writableNeedDrain || this.#replies.length > 0, ms).finally(() =>
        this.#socket.off("drain", drained),
      );
    }
    return this.heard();
  }

  /**
   * TLS from here on. RFC 3207 §4.2, and what was injected before the handshake: bytes that came with the answer to
   * STARTTLS were sent by nobody we know.
   */
  async secure(options: tls.ConnectionOptions, ms: number): Promise<void> {
    this.#mustBeInStep();
    this.#detach();
    this.#socket = tls.connect({ ...options, socket: this.#socket });
    this.#attach();
    await this.#happens(this.#socket, "secureConnect", ms);
  }

  /** QUIT, and the line is closed whatever the peer says. */
  async quit(ms: number): Promise<void> {
    try {
      await this.command("QUIT", "QUIT", ms);
    } catch {
      // It is over either way.
    }
    this.cut(new SmtpFault("closed by us", "QUIT"));
  }

  /** Ends the connection now; whoever waits on it is told `fault`. */
  cut(fault: SmtpFault): void {
    this.#fault ??= fault;
    this.#socket.destroy();
    this.#moved();
  }

  /** While nobody asks anything: the peer going away is no news, the connection is just not used again. */
  rest(): void {
    this.#deadline = Infinity;
    this.#socket.unref();
  }

  wake(deadline: number): void {
    this.#deadline = deadline;
    this.#socket.ref();
  }

  readonly #onData = (chunk: Buffer): void => this.#hear(chunk);
  readonly #onError = (error: NodeJS.ErrnoException): void => this.cut(this.#faultOf(error));
  readonly #onClose = (): void => this.cut(new SmtpFault("connection closed by the relay", this.step));

  #attach(): void {
    this.#socket.on("data", this.#onData).on("error", this.#onError).on("end", this.#onClose).on("close", this.#onClose);
  }

  /** Errors are still heard: a socket without a listener for them would end the process. */
  #detach(): void {
    this.#socket.off("data", this.#onData).off("end", this.#onClose).off("close", this.#onClose);
  }

  #hear(chunk: Buffer): void {
    if (this.#fault !== null) return;
    try {
      this.#replies.push(...this.#reader.read(chunk));
    } catch (error) {
      if (!(error instanceof NotAReply)) throw error;
      return this.cut(new SmtpFault(error.message, this.step));
    }
    if (this.#replies.length > MOST_UNREAD) return this.cut(new SmtpFault("the relay speaks unasked", this.step));
    this.#moved();
  }

  #mustBeInStep(): void {
    if (this.#fault !== null) throw this.#fault;
    const [said] = this.#replies;
    if (said === undefined && this.#reader.idle) return;
    const fault = new SmtpFault(`the relay said ${said?.code ?? "something"} unasked`, this.step);
    this.cut(fault);
    throw fault;
  }

  // By its code: the text of a system error names addresses and ports.
  #faultOf(error: NodeJS.ErrnoException): SmtpFault {
    return new SmtpFault(error.code ?? error.name, this.step);
  }

  async #happens(socket: net.Socket, event: "connect" | "secureConnect", ms: number): Promise<void> {
    let happened = false;
    socket.once(event, () => {
      happened = true;
      this.#moved();
    });
    await this.#until(() => happened, ms);
  }

  async #until(met: () => boolean, ms: number): Promise<void> {
    const end = Math.min(performance.now() + ms, this.#deadline);
    for (;;) {
      if (met()) return;
      if (this.#fault !== null) throw this.#fault;
      await this.#move(end);
    }
  }

  async #move(end: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#moved = resolve;
    const late = (): void => this.cut(new SmtpFault("no answer in time", this.step));
    const timer = setTimeout(late, Math.max(0, end - performance.now()));
    await promise.finally(() => clearTimeout(timer));
    this.#moved = () => {};
  }
}
