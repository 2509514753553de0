import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { isLoopback, type Relay } from "../relay.ts";
import { SmtpFault, type Step } from "./fault.ts";
import { firstLine, type SmtpReply } from "./reply.ts";
import type { SmtpTimes } from "./times.ts";
import { Wire } from "./wire.ts";

export interface SessionOptions {
  readonly relay: Relay;
  /** What we call ourselves in EHLO. */
  readonly name: string;
  readonly times: SmtpTimes;
  /** PEM of the authority to believe instead of the system's. */
  readonly ca?: string;
}

/** A connection that is past greeting, EHLO, TLS and AUTH: ready for MAIL. */
export interface Session {
  readonly wire: Wire;
  readonly extensions: Extensions;
}

/** What the peer offers (RFC 5321 §4.1.1.1), as far as we make use of it. */
export interface Extensions {
  /** Largest message, bytes (RFC 1870); null: not said. */
  readonly size: number | null;
  /** RFC 6531. */
  readonly utf8: boolean;
  readonly startTls: boolean;
  /** SASL mechanisms, in upper case. */
  readonly auth: readonly string[];
}

/** Rejects with a `SmtpFault`, and leaves nothing open then. `deadline` is on `performance.now()`'s scale. */
export async function openSession(options: SessionOptions, deadline: number, signal: AbortSignal): Promise<Session> {
  const { host, port } = options.relay;
  const wire = new Wire({ host, port }, deadline);
  const free = cutOnAbort(wire, signal);
  try {
    return { wire, extensions: await greet(wire, options) };
  } catch (error) {
    wire.cut(new SmtpFault("given up", wire.step));
    throw error;
  } finally {
    free();
  }
}

/** Until the function it returns is called. */
export function cutOnAbort(wire: Wire, signal: AbortSignal): () => void {
  const cut = (): void => wire.cut(new SmtpFault("cancelled", wire.step));
  if (signal.aborted) cut();
  signal.addEventListener("abort", cut);
  return () => signal.removeEventListener("abort", cut);
}

async function greet(wire: Wire, options: SessionOptions): Promise<Extensions> {
  const { relay, times } = options;
  await wire.connected(times.connect);
  if (relay.security === "tls") await wire.secure(tlsOptions(options), times.connect);
  // Whatever the name resolved to: unencrypted mail stays on this machine.
  if (relay.security === "none" && !isLoopback(wire.remoteAddress)) {
    throw new SmtpFault("the relay's name does not lead to this machine", "connect");
  }
  mustBe(220, await wire.reply("greeting", times.greeting), "greeting");
  const first = await hello(wire, options);
  const extensions = relay.security === "starttls" ? await upgrade(wire, options, first) : first;
  if (relay.auth !== null) await authenticate(wire, relay.auth, extensions, times);
  return extensions;
}

async function hello(wire: Wire, { name, times }: SessionOptions): Promise<Extensions> {
  const reply = mustBe(250, await wire.command(`EHLO ${name}`, "EHLO", times.command), "EHLO");
  return parseExtensions(reply.lines.slice(1));
}

/** RFC 3207 §4.2: what was offered before TLS is forgotten. */
async function upgrade(wire: Wire, options: SessionOptions, { startTls }: Extensions): Promise<Extensions> {
  if (!startTls) throw new SmtpFault("the relay offers no STARTTLS", "EHLO");
  mustBe(220, await wire.command("STARTTLS", "STARTTLS", options.times.command), "STARTTLS");
  await wire.secure(tlsOptions(options), options.times.connect);
  return hello(wire, options);
}

function tlsOptions({ relay, ca }: SessionOptions): ConnectionOptions {
  // A server is asked for by name (SNI), never by address.
  const name = isIP(relay.host) === 0 ? { servername: relay.host } : {};
  return { host: relay.host, ...name, ...(ca === undefined ? {} : { ca }), minVersion: "TLSv1.2" };
}

// What the peer says to a secret is not repeated: it may say the secret.
async function authenticate(wire: Wire, auth: NonNullable<Relay["auth"]>, offered: Extensions, times: SmtpTimes): Promise<void> {
  const say = async (line: string): Promise<number> => (await wire.command(line, "AUTH", times.command)).code;
  const code = await saslLogin(auth, offered.auth, say);
  if (code === null) throw new SmtpFault("the relay offers neither AUTH PLAIN nor AUTH LOGIN", "EHLO");
  if (code !== 235) throw new SmtpFault(`the relay said ${code} to user and password`, "AUTH");
}

/** Last code; null when there is no common mechanism. */
async function saslLogin(
  { user, password }: NonNullable<Relay["auth"]>,
  offered: readonly string[],
  say: (line: string) => Promise<number>,
): Promise<number | null> {
  // RFC 4616; the initial response saves a round trip (RFC 4954 §4).
  if (offered.includes("PLAIN")) return say(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
  if (!offered.includes("LOGIN")) return null;
  for (const line of ["AUTH LOGIN", base64(user)]) {
    const code = await say(line);
    if (code !== 334) return code;
  }
  return say(base64(password));
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** EHLO lines without the first. Unknown keywords are of no use to us. */
export function parseExtensions(lines: readonly string[]): Extensions {
  const words = lines.map((line) => line.split(" ").filter((word) => word !== ""));
  const of = (keyword: string) => words.find(([first]) => first?.toUpperCase() === keyword)?.slice(1);
  const size = Number(of("SIZE")?.[0] ?? 0);
  return {
    // RFC 1870 §6.1: 0 is no limit.
    size: Number.isSafeInteger(size) && size > 0 ? size : null,
    utf8: of("SMTPUTF8") !== undefined,
    startTls: of("STARTTLS") !== undefined,
    auth: of("AUTH")?.map((mechanism) => mechanism.toUpperCase()) ?? [],
  };
}

function mustBe(code: number, reply: SmtpReply, step: Step): SmtpReply {
  if (reply.code !== code) throw new SmtpFault(`the relay said ${reply.code} ${firstLine(reply)}`, step);
  return reply;
}
