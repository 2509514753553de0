import { readFile } from "node:fs/promises";
import type { Client } from "../../cli/client.ts";
import type { Endpoint } from "../../cli/settings.ts";
import { handOver } from "../../cli/smtp.ts";
import assistant from "../../../policies/examples/assistant.ts";
import { exists, mailFile, write, type DemoFiles } from "./files.ts";
import { SCENES, type Letter, type Scene } from "./letters.ts";
import { ASSISTANT } from "./senders.ts";

/** A line of the demo's table. */
export interface DemoRow {
  readonly what: string;
  readonly told: string;
  readonly outcome: string;
  readonly reason: string;
  readonly stage: string;
  readonly capabilities: string;
}

interface Explained {
  readonly message_id: string;
  readonly outcome: string;
  readonly reason: string;
  readonly judged_at: string;
  readonly capabilities: readonly string[];
}

/** Mailbox, policy and agent's key, once; then every scene in order. */
export async function runDemo(files: DemoFiles, client: Client, smtp: Endpoint): Promise<readonly DemoRow[]> {
  const mailbox = await demoMailbox(client);
  await client.send("PUT", `/v1/mailboxes/${mailbox}/policy`, assistant);
  if (!(await exists(files.agentKey))) await makeAgentKey(files, client, mailbox);
  const rows: DemoRow[] = [];
  for (const scene of SCENES) rows.push(await play(files, client, smtp, mailbox, scene));
  return rows;
}

/** Made the first time. */
export async function demoMailbox(client: Client): Promise<string> {
  const { items } = await client.get<{ items: { id: string; address: string }[] }>("/v1/mailboxes");
  const known = items.find(({ address }) => address === ASSISTANT);
  if (known !== undefined) return known.id;
  const [address_local_part, domain] = ASSISTANT.split("@");
  const made = await client.send<{ id: string }>("POST", "/v1/mailboxes", { address_local_part, domain, agent_id: "assistant" });
  return made.id;
}

async function makeAgentKey(files: DemoFiles, client: Client, mailbox: string): Promise<void> {
  const { key } = await client.send<{ key: string }>("POST", "/v1/keys", {
    name: "demo agent",
    scopes: ["read", "send"],
    mailboxes: [mailbox],
  });
  await write(files.agentKey, `${key}\n`);
}

async function play(files: DemoFiles, client: Client, smtp: Endpoint, mailbox: string, scene: Scene): Promise<DemoRow> {
  if (scene.tokensSpent !== undefined) await spend(client, mailbox, scene.tokensSpent);
  await sendAll(files, smtp, scene.before ?? []);
  const told = await send(files, smtp, scene.letter);
  const { items } = await client.get<{ items: Explained[] }>(`/v1/mailboxes/${mailbox}/decisions`, { limit: 1 });
  const { outcome = "", reason = "", judged_at = "", capabilities = [] } = items[0] ?? {};
  return { what: scene.title, told, outcome, reason, stage: judged_at, capabilities: capabilities.join(" ") };
}

/** The agent's report on the first mail of the demo. */
async function spend(client: Client, mailbox: string, tokens: number): Promise<void> {
  const { items } = await client.get<{ items: { id: string; subject: string }[] }>(`/v1/mailboxes/${mailbox}/messages`, {
    limit: 200,
    outcome: "delivered",
  });
  const first = items.find(({ subject }) => subject === SCENES[0]?.letter.subject);
  if (first !== undefined) await client.send("POST", `/v1/messages/${first.id}/usage`, { tokens_consumed: tokens });
}

/** As many at once as one peer may have judged (DESIGN §3). */
const AT_ONCE = 5;

/** The first before the others: they may answer it. */
async function sendAll(files: DemoFiles, smtp: Endpoint, [first, ...rest]: readonly Letter[]): Promise<void> {
  if (first !== undefined) await send(files, smtp, first);
  for (let at = 0; at < rest.length; at += AT_ONCE) {
    await Promise.all(rest.slice(at, at + AT_ONCE).map((letter) => send(files, smtp, letter)));
  }
}

async function send(files: DemoFiles, smtp: Endpoint, { name, sender }: Letter): Promise<string> {
  const bytes = await readFile(mailFile(files, name));
  const { ip, helo, address } = sender;
  const { code, enhanced } = await handOver(smtp, { sender: address, recipient: ASSISTANT, bytes, ip, helo });
  return `${code} ${enhanced ?? ""}`.trim();
}
