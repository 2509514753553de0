import { connect, isIPv6, type Socket } from "node:net";
import { PosternError } from "../model/errors.ts";
import { toData } from "./eml.ts";
import type { Endpoint } from "./settings.ts";

/** One message and its envelope, handed over in one transaction. */
export interface Handover {
  /** Empty for the null sender. */
  readonly sender: string;
  readonly recipient: string;
  /** Lines end in CRLF. */
  readonly bytes: Buffer;
  /** Client address to speak for (XCLIENT); absent: our own. */
  readonly ip: string | undefined;
  readonly helo: string;
}

/** The server's word about the message, from the step that settled it. */
export interface Verdict {
  readonly step: "mail" | "rcpt" | "data" | "message";
  readonly code: number;
  /** RFC 3463, or null where the server gives none. */
  readonly enhanced: string | null;
  readonly text: string;
}

interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
}

const CONNECT_MS = 10_000;
const COMMAND_MS = 60_000;
/** RFC 5321 §4.5.3.2.6: ten minutes for the answer to the final dot. */
const FINAL_MS = 600_000;
const LONGEST_REPLY = 64 * 1024;

/**
 * RFC 5321, one message, no retry. A refusal at any step after the greeting is a verdict; rejects with `unavailable` when
 * the server cannot be reached or does not speak SMTP, and with `forbidden` when it does not let us speak for `ip`.
 */
export async function handOver(endpoint: Endpoint, mail: Handover): Promise<Verdict> {
  const server = await SmtpClient.connect(endpoint);
  try {
    return await transact(server, mail);
  } finally {
    server.close();
  }
}

async function transact(server: SmtpClient, mail: Handover): Promise<Verdict> {
  let extensions = await server.hello(mail.helo);
  if (mail.ip !== undefined) {
    await speakFor(server, extensions, mail.ip);
    extensions = await server.hello(mail.helo);
  }
  const from = await server.command(`MAIL FROM:<${mail.sender}>${mailParameters(extensions, mail.bytes)}`);
  if (from.code >= 300) return verdict("mail", from);
  const to = await server.command(`RCPT TO:<${mail.recipient}>`);
  if (to.code >= 300) return verdict("rcpt", to);
  const data = await server.command("DATA");
  if (data.code !== 354) return verdict("data", data);
  const answer = verdict("message", await server.message(toData(mail.bytes)));
  server.quit();
  return answer;
}

/** https://www.postfix.org/XCLIENT_README.html */
async function speakFor(server: SmtpClient, extensions: readonly string[], ip: string): Promise<void> {
  if (!extensions.some((line) => /^XCLIENT\b.*\bADDR\b/i.test(line))) throw notTrusted();
  const { code } = await server.command(`XCLIENT ADDR=${isIPv6(ip) ? `IPV6:${ip}` : ip}`);
  if (code !== 220) throw notTrusted();
}

function mailParameters(extensions: readonly string[], bytes: Buffer): string {
  const offers = (name: string): boolean => extensions.some((line) => line.toUpperCase().split(" ")[0] === name);
  const size = offers("SIZE") ? ` SIZE=${bytes.length}` : "";
  const body = offers("8BITMIME") && bytes.some((byte) => byte > 127) ? " BODY=8BITMIME" : "";
  return size + body;
}

function verdict(step: Verdict["step"], { code, lines }: Reply): Verdict {
  const [, enhanced = null, text = ""] = /^(?:(\d\.\d{1,3}\.\d{1,3})(?: |$))?(.*)$/s.exec(lines.join(" ")) ?? [];
  return { step, code, enhanced, text };
}

/** One connection. Everything the server sends is bounded. */
class SmtpClient {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #name: string;
  #received = "";

  private constructor(socket: Socket, name: string) {
    this.#socket = socket;
    this.#name = name;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  static async connect({ host, port }: Endpoint): Promise<SmtpClient> {
    const name = `${host}:${port}`;
    const socket = connect({ host, port });
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error("timeout")));
    const client = new SmtpClient(socket, name);
    const { code, lines } = await client.#reply(CONNECT_MS);
    if (code === 220) return client;
    client.close();
    throw unavailable(name, `answers \`${code} ${lines.join(" ")}\``);
  }

  /** The lines of EHLO's answer after the first. */
  async hello(name: string): Promise<readonly string[]> {
    const { code, lines } = await this.command(`EHLO ${name}`);
    if (code !== 250) throw unavailable(this.#name, `answers EHLO with \`${code} ${lines.join(" ")}\``);
    return lines.slice(1);
  }

  command(line: string): Promise<Reply> {
    this.#socket.write(`${line}\r\n`);
    return this.#reply(COMMAND_MS);
  }

  message(data: Buffer): Promise<Reply> {
    this.#socket.write(data);
    return this.#reply(FINAL_MS);
  }

  quit(): void {
    this.#socket.end("QUIT\r\n");
  }

  close(): void {
    this.#socket.destroySoon();
    // A server that never closes its side must not keep the process.
    this.#socket.unref();
  }

  async #reply(timeoutMs: number): Promise<Reply> {
    this.#socket.setTimeout(timeoutMs);
    const lines: string[] = [];
    let size = 0;
    for (;;) {
      const line = await this.#line();
      size += line.length;
      const [, code, more, text] = /^(\d{3})([ -]|$)(.*)$/s.exec(line) ?? [];
      if (code === undefined || size > LONGEST_REPLY) throw unavailable(this.#name, "does not speak SMTP");
      lines.push(text ?? "");
      if (more !== "-") return { code: Number(code), lines };
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf("\n");
      if (end !== -1) {
        const line = this.#received.slice(0, end).replace(/\r$/, "");
        this.#received = this.#received.slice(end + 1);
        return line;
      }
      if (this.#received.length > LONGEST_REPLY) throw unavailable(this.#name, "does not speak SMTP");
      this.#received += await this.#more();
    }
  }

  async #more(): Promise<string> {
    try {
      const { done, value } = await this.#chunks.next();
      if (done !== true) return value.toString("utf8");
    } catch (cause) {
      throw unavailable(this.#name, (cause as Error).message === "timeout" ? "does not answer" : "cannot be reached", cause);
    }
    throw unavailable(this.#name, "closed the connection");
  }
}

function unavailable(name: string, what: string, cause?: unknown): PosternError {
  return new PosternError("unavailable", `the SMTP port \`${name}\` ${what}`, {
    temporary: true,
    fix: "start the service (`npm start`, or the worker that has the plugin), or set POSTERN_SMTP to where it listens",
    cause,
  });
}

function notTrusted(): PosternError {
  return new PosternError("forbidden", "the service does not let this host speak for another client address (XCLIENT)", {
    fix: "start the service with this host in POSTERN_TRUSTED_RELAYS, e.g. `POSTERN_TRUSTED_RELAYS=127.0.0.1`, or leave `--ip` out",
  });
}
