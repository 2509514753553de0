import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

/** Milliseconds a reply may take before the test is told what was seen instead. */
const REPLY_MS = 15_000;

/** One TCP connection that speaks exactly the bytes it is given, so that a test can be as rude as it likes. */
export class SmtpClient {
  #socket: net.Socket;
  #text = "";
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connected, greeting not yet read. */
  static async connect(port: number, host = "127.0.0.1"): Promise<SmtpClient> {
    const socket = net.connect({ port, host, noDelay: true });
    await once(socket, "connect");
    return new SmtpClient(socket);
  }

  /** Connected and past EHLO. */
  static async open(port: number, helo = "client.example"): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port);
    await client.expect("220 ");
    await client.command(`EHLO ${helo}`, "250");
    return client;
  }

  /** The next whole reply, continuation lines joined by `\n`. */
  async reply(): Promise<string> {
    const deadline = Date.now() + REPLY_MS;
    for (;;) {
      const reply = this.#nextReply();
      if (reply !== null) return reply;
      if (this.#ended) throw new Error(`connection closed while waiting for a reply, rest: ${JSON.stringify(this.#text)}`);
      await this.#more(deadline);
    }
  }

  /** The next reply, which must begin with `prefix`. */
  async expect(prefix: string): Promise<string> {
    const reply = await this.reply();
    if (!reply.startsWith(prefix)) throw new Error(`expected \`${prefix}\`, got \`${reply}\``);
    return reply;
  }

  async command(line: string, prefix = ""): Promise<string> {
    this.write(`${line}\r\n`);
    return await this.expect(prefix);
  }

  /** Bytes as they are; a string stands for its Latin-1 bytes. False: the peer is slower than we are. */
  write(bytes: string | Uint8Array): boolean {
    return this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Like `write`, resolving when the bytes have left. */
  async push(bytes: string | Uint8Array): Promise<void> {
    if (!this.write(bytes) && !this.#socket.destroyed) await Promise.race([once(this.#socket, "drain"), once(this.#socket, "close")]);
  }

  /** A dialogue as text: `C:` lines are sent, `S:` lines are the beginnings of whole replies. */
  async play(transcript: string): Promise<void> {
    for (const line of transcript.split("\n").map((text) => text.trim())) {
      if (line.startsWith("C: ")) this.write(`${line.slice(3)}\r\n`);
      if (line.startsWith("S: ")) await this.expect(line.slice(3));
    }
  }

  /** MAIL, RCPT for each, DATA, the bytes dot-stuffed, the final dot; the reply to it. */
  async send(mail: { readonly from?: string; readonly to: readonly string[]; readonly data: string | Buffer }): Promise<string> {
    await this.command(`MAIL FROM:<${mail.from ?? "sender@client.example"}>`, "250");
    for (const to of mail.to) await this.command(`RCPT TO:<${to}>`, "250");
    await this.command("DATA", "354");
    await this.push(stuffed(mail.data));
    return await this.reply();
  }

  /** `injected`: plain text sent in one piece with the command, as an attacker in the middle would. */
  async startTls(options: tls.ConnectionOptions, injected = ""): Promise<void> {
    await this.command(`STARTTLS\r\n${injected}`.trimEnd(), "220");
    const raw = this.#socket;
    raw.removeAllListeners();
    const secure = tls.connect({ ...options, socket: raw });
    await once(secure, "secureConnect");
    this.#socket = secure;
    this.#listen();
  }

  /** Resolves when the server has closed its side. */
  async closed(): Promise<void> {
    const deadline = Date.now() + REPLY_MS;
    while (!this.#ended) await this.#more(deadline);
  }

  /** What has come and was not read as a reply. */
  get unread(): string {
    return this.#text;
  }

  /** FIN, as a polite peer leaves. */
  end(): void {
    this.#socket.end();
  }

  /** Reads no more, not even the server's FIN. */
  pause(): void {
    this.#socket.pause();
  }

  /** RST: gone in the middle. */
  destroy(): void {
    this.#socket.resetAndDestroy();
  }

  #listen(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake();
    };
    this.#socket.on("end", ended);
    this.#socket.on("close", ended);
    this.#socket.on("error", ended);
  }

  #nextReply(): string | null {
    const lines = this.#text.split("\r\n");
    const last = lines.findIndex((line, index) => index < lines.length - 1 && line[3] !== "-");
    if (last < 0) return null;
    this.#text = lines.slice(last + 1).join("\r\n");
    return lines.slice(0, last + 1).join("\n");
  }

  async #more(deadline: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(() => reject(new Error(`nothing came in time, unread: ${JSON.stringify(this.#text)}`)), deadline - Date.now());
    await promise.finally(() => clearTimeout(timer));
  }
}

/** RFC 5321 §4.5.2, with the final dot. The message must end its last line with CRLF. */
export function stuffed(message: string | Buffer): Buffer {
  const text = Buffer.isBuffer(message) ? message.toString("latin1") : message;
  const lines = text.replaceAll("\r\n.", "\r\n..");
  return Buffer.from(`${lines.startsWith(".") ? "." : ""}${lines}.\r\n`, "latin1");
}
