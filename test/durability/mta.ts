import { setTimeout as delay } from "node:timers/promises";
import { SmtpClient, stuffed } from "../support/smtp-client.ts";
import type { Random } from "./random.ts";

/** One message as a sending server has it in its queue: every attempt is the same envelope and the same bytes. */
export interface Mail {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly bytes: Buffer;
}

/** How the sending server's work on one message ended. */
export interface Told {
  /** 2xx or 5xx. */
  readonly code: number;
  readonly reply: string;
  /** Why it had to come again: the reply's code, or `lost` for a connection that broke. */
  readonly repeats: readonly string[];
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 800;

/**
 * Hands a message over as a mail server does: comes again after a 4xx or a broken connection, until it is told for good.
 * `port` resolves when there is something to connect to.
 */
export async function handOver(port: () => Promise<number>, mail: Mail, random: Random): Promise<Told> {
  const repeats: string[] = [];
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const reply = await attempt(await port(), mail);
    const code = reply === null ? 0 : Number(reply.slice(0, 3));
    if (reply !== null && (code < 400 || code >= 500)) return { code, reply, repeats };
    repeats.push(reply === null ? "lost" : String(code));
    await delay(pause * (0.5 + random.next()));
  }
}

/** The reply that settled one attempt; null when the connection broke first. */
export async function attempt(port: number, mail: Mail): Promise<string | null> {
  let client: SmtpClient | undefined;
  try {
    client = await SmtpClient.connect(port);
    return await transact(client, mail);
  } catch {
    return null;
  } finally {
    client?.end();
  }
}

async function transact(client: SmtpClient, { sender, recipients, bytes }: Mail): Promise<string> {
  const lines = ["EHLO client.example", `MAIL FROM:<${sender}>`, ...recipients.map((to) => `RCPT TO:<${to}>`), "DATA"];
  let reply = await client.reply();
  for (const line of lines) {
    if (Number(reply[0]) > 3) return reply;
    reply = await client.command(line);
  }
  if (!reply.startsWith("354")) return reply;
  await client.push(stuffed(bytes));
  return client.reply();
}
