import { Agent, request } from "node:http";
import { SmtpClient, stuffed } from "../support/smtp-client.ts";
import { senderOf } from "./mail.ts";

export interface Target {
  readonly port: number;
  readonly to: string;
  /** State a client address by XCLIENT, a different one for every connection. */
  readonly peers: boolean;
}

/** Hands over all of `mails` on so many connections; milliseconds from each final dot to its reply. Anything but 250 rejects. */
export async function deliver(target: Target, mails: readonly Buffer[], connections: number): Promise<readonly number[]> {
  const clients = await Promise.all(Array.from({ length: connections }, (_, index) => open(target, index)));
  const left = mails.entries();
  const answers: number[] = [];
  const send = async (client: SmtpClient): Promise<void> => {
    for (const [index, mail] of left) answers.push(await handOver(client, target.to, senderOf(index), mail));
    client.end();
  };
  await Promise.all(clients.map(send));
  return answers;
}

async function open({ port, peers }: Target, index: number): Promise<SmtpClient> {
  const client = await SmtpClient.open(port, "mx.bench.example");
  if (!peers) return client;
  await client.command(`XCLIENT ADDR=198.18.${index >> 8}.${(index & 0xff) + 1}`, "220");
  await client.command("EHLO mx.bench.example", "250");
  return client;
}

async function handOver(client: SmtpClient, to: string, from: string, mail: Buffer): Promise<number> {
  // RFC 2920: the door offers it, and senders of the world use it.
  client.write(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
  for (const reply of ["250", "250", "354"]) await client.expect(reply);
  const bytes = stuffed(mail);
  const started = performance.now();
  client.write(bytes);
  await client.expect("250");
  return performance.now() - started;
}

export interface Pull {
  readonly http: string;
  readonly key: string;
  readonly mailbox: string;
}

/** An agent: waits for the next message, `count` times, beginning after `cursor`; resolves to the cursor after the last. */
export async function pull({ http, key, mailbox }: Pull, count: number, cursor: string | null): Promise<string | null> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let after = cursor;
  for (let got = 0; got < count;) {
    const query = `timeout_s=30${after === null ? "" : `&after=${after}`}`;
    const answer = await getJson(`${http}/v1/mailboxes/${mailbox}/wait?${query}`, key, agent);
    if (answer.type === "timeout") throw new Error(`the agent got ${got} of ${count} messages`);
    after = answer.cursor;
    got += 1;
  }
  agent.destroy();
  return after;
}

interface WaitAnswer {
  readonly type: "message" | "timeout";
  readonly cursor: string;
}

function getJson(url: string, key: string, agent: Agent): Promise<WaitAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, headers: { authorization: `Bearer ${key}` } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(body) as WaitAnswer);
        else reject(new Error(`the agent was answered ${response.statusCode}: ${body}`));
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}
