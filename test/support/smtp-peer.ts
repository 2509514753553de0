import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

/** Where the dialogue is: after the TCP handshake, after each command, in the content, after the final dot. */
export type PeerStep = "connect" | "ehlo" | "starttls" | "auth" | "mail" | "rcpt" | "data" | "content" | "dot" | "rset" | "quit";

/**
 * What the peer does at a step: says a reply (CRLF is added), says raw bytes, says them one by one, is silent for ever, cuts the connection. For
 * `content`: `cut` and `say` happen with its first bytes, `hang` reads no more.
 */
export type PeerAnswer = string | { readonly raw: Buffer } | { readonly drip: string } | { readonly hang: true } | { readonly cut: true };

export const HANG: PeerAnswer = { hang: true };
export const CUT: PeerAnswer = { cut: true };

/** Undefined: what an ordinary server says. */
export type PeerScript = (step: PeerStep, argument: string, connection: number) => PeerAnswer | undefined | Promise<PeerAnswer | undefined>;

/** A message whose final dot has come: whatever was answered, such a server may deliver it. */
export interface TakenMail {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Unstuffed. */
  readonly content: string;
  /** What was answered to the final dot; null: nothing. */
  readonly answer: string | null;
}

export interface PeerOptions {
  readonly script?: PeerScript;
  /** Lines of the EHLO reply after the first. */
  readonly extensions?: readonly string[];
  readonly tls?: { readonly key: string; readonly cert: string };
  /** TLS from the first byte. */
  readonly implicit?: boolean;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string;
}

/** An SMTP server on a free loopback port that does what its script says, however rude. */
export class SmtpPeer {
  readonly taken: TakenMail[] = [];
  /** Every line that was said to it, but no content. */
  readonly commands: string[] = [];
  connections = 0;
  script: PeerScript;
  readonly options: PeerOptions;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(options: PeerOptions) {
    this.options = options;
    this.script = options.script ?? (() => undefined);
    const welcome = (socket: net.Socket): void => this.#welcome(socket);
    this.#server = options.implicit === true ? tls.createServer({ ...options.tls }, welcome) : net.createServer(welcome);
    this.#server.on("tlsClientError", () => {});
  }

  static async start(options: PeerOptions = {}): Promise<SmtpPeer> {
    const peer = new SmtpPeer(options);
    peer.#server.listen(0, options.host ?? "127.0.0.1");
    await once(peer.#server, "listening");
    return peer;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Connections open now. */
  get open(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #welcome(socket: net.Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    void new Conversation(this, socket, this.connections).begin();
  }
}

class Conversation {
  readonly #peer: SmtpPeer;
  readonly #number: number;
  #socket: net.Socket;
  #bytes = Buffer.alloc(0);
  #mode: "commands" | "content" | "deaf" = "commands";
  #begun = false;
  #busy = false;
  #sender = "";
  #recipients: string[] = [];
  #login: string[] = [];

  constructor(peer: SmtpPeer, socket: net.Socket, number: number) {
    this.#peer = peer;
    this.#number = number;
    this.#socket = socket;
  }

  async begin(): Promise<void> {
    this.#listen();
    await this.#answer("connect", "", "220 peer.example ESMTP");
  }

  #listen(): void {
    this.#socket.on("error", () => {});
    this.#socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      void this.#work();
    });
  }

  // One command at a time, whatever arrives meanwhile.
  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (await this.#step());
    this.#busy = false;
  }

  async #step(): Promise<boolean> {
    if (this.#mode === "deaf") return false;
    if (this.#mode === "content") return this.#content();
    const end = this.#bytes.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#bytes.toString("latin1", 0, end);
    this.#bytes = this.#bytes.subarray(end + 2);
    this.#peer.commands.push(line);
    await this.#command(line);
    return true;
  }

  async #command(line: string): Promise<unknown> {
    if (this.#login.length > 0) return this.#loginLine(line);
    const [verb = "", ...rest] = line.split(" ");
    const argument = rest.join(" ");
    switch (verb.toUpperCase()) {
      case "EHLO": {
        const lines = ["peer.example", ...(this.#peer.options.extensions ?? [])];
        const reply = lines.map((text, index) => `250${index === lines.length - 1 ? " " : "-"}${text}`).join("\r\n");
        return this.#answer("ehlo", argument, reply);
      }
      case "STARTTLS":
        await this.#answer("starttls", argument, "220 go ahead");
        return this.#secure();
      case "AUTH":
        if (argument.toUpperCase() !== "LOGIN") return this.#answer("auth", argument, "235 2.7.0 welcome");
        this.#login = ["LOGIN"];
        return this.#say("334 VXNlcm5hbWU6");
      case "MAIL":
        this.#recipients = [];
        this.#sender = between(argument);
        return this.#answer("mail", argument, "250 2.1.0 ok");
      case "RCPT": {
        const said = await this.#answer("rcpt", between(argument), "250 2.1.5 ok");
        if (said.startsWith("2")) this.#recipients.push(between(argument));
        return;
      }
      case "DATA": {
        const said = await this.#answer("data", argument, "354 go ahead");
        if (said.startsWith("354")) [this.#mode, this.#begun] = ["content", false];
        return;
      }
      case "RSET":
        return this.#answer("rset", argument, "250 2.0.0 ok");
      case "QUIT":
        await this.#answer("quit", argument, "221 2.0.0 bye");
        this.#socket.end();
        return;
      default:
        return this.#say("500 5.5.1 what?");
    }
  }

  async #loginLine(line: string): Promise<void> {
    this.#login.push(line);
    if (this.#login.length < 3) return this.#say("334 UGFzc3dvcmQ6");
    const given = this.#login.join(" ");
    this.#login = [];
    await this.#answer("auth", given, "235 2.7.0 welcome");
  }

  async #content(): Promise<boolean> {
    if (!this.#begun && this.#bytes.length > 0) {
      this.#begun = true;
      await this.#answer("content", "", "");
    }
    if ((this.#mode as string) === "deaf") return false;
    const end = this.#bytes.indexOf(".\r\n") === 0 ? 0 : this.#bytes.indexOf("\r\n.\r\n") + 2;
    if (end === 1) return false;
    const text = this.#bytes.toString("latin1", 0, end);
    this.#bytes = this.#bytes.subarray(end + 3);
    this.#mode = "commands";
    const content = (text.startsWith(".") ? text.slice(1) : text).replaceAll("\r\n.", "\r\n");
    const mail = { sender: this.#sender, recipients: this.#recipients, content, answer: null as string | null };
    this.#peer.taken.push(mail);
    const said = await this.#answer("dot", "", "250 2.0.0 taken");
    mail.answer = said === "" ? null : said;
    return true;
  }

  async #answer(step: PeerStep, argument: string, usual: string): Promise<string> {
    const answer = (await this.#peer.script(step, argument, this.#number)) ?? usual;
    if (typeof answer === "string") {
      if (answer !== "") this.#say(answer);
      return answer;
    }
    if ("raw" in answer) this.#socket.write(answer.raw);
    else if ("drip" in answer) this.#drip(answer.drip);
    else if ("cut" in answer) this.#socket.destroy();
    else this.#socket.pause();
    if (!("raw" in answer)) this.#mode = "deaf";
    return "";
  }

  #drip(text: string): void {
    const bytes = [...text];
    const timer = setInterval(() => this.#socket.write(bytes.shift() ?? ""), 20);
    this.#socket.on("close", () => clearInterval(timer));
  }

  #say(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  #secure(): void {
    if (this.#mode === "deaf" || this.#peer.options.tls === undefined) return;
    this.#socket.removeAllListeners("data");
    this.#socket = new tls.TLSSocket(this.#socket, { isServer: true, ...this.#peer.options.tls });
    this.#bytes = Buffer.alloc(0);
    this.#listen();
  }
}

function between(argument: string): string {
  return argument.slice(argument.indexOf("<") + 1, argument.indexOf(">"));
}
