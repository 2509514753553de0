import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { ADMIN_KEY, Instance } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { SmtpClient } from "../support/smtp-client.ts";
import { LARGEST, SENT } from "./bombs.ts";
import { Crowd } from "./crowd.ts";
import { readApart } from "./read-apart.ts";
import { watchStalls } from "./stalls.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const TO = "assistant@acme.example";
/** DESIGN §10, of this thread's own doing: the machine's other work is not counted. */
const STALL_MS = 200;
const INNOCENT_MS = 5_000;

let postern: Instance;
let crowd: Crowd;
let mailbox: string;

beforeAll(async () => {
  postern = await Instance.start({ signers: [acme] });
  mailbox = await postern.mailbox(
    TO,
    definePolicy({
      defaultAction: "bounce",
      senders: [{ match: { address: "boss@acme.example", allowUnverified: true }, capabilities: [] }],
      contentGuards: [{ reject: /ignore (previous|all) instructions/i, reason: "prompt_injection_suspected" }],
      auditLog: { retentionDays: 90, includeBodyHash: true },
    }),
  );
  crowd = new Crowd(postern);
});
afterAll(async () => {
  await crowd?.close();
  await postern?.close();
});

/** The boss's own mail, from his own host; resolves to the milliseconds until it was accepted. */
async function innocent(): Promise<number> {
  const bytes = await sign(write({ from: "boss@acme.example", to: TO }), acme);
  const start = performance.now();
  const told = await postern.deliver({ sender: "boss@acme.example", recipient: TO, ip: acme.ip, bytes });
  expect(told).toMatchObject({ code: 250 });
  return performance.now() - start;
}

/** Innocent mail, one after the other, for as long as `busy` takes; the slowest of it, milliseconds. */
async function innocentsDuring(busy: Promise<unknown>): Promise<number> {
  let done = false;
  void busy.finally(() => (done = true));
  let slowest = 0;
  do slowest = Math.max(slowest, await innocent());
  while (!done);
  return slowest;
}

describe("limits and bombs, each with the reply that says what is wrong", () => {
  it("X-29 one after the other, then all at once; the loop never stalls and innocent mail is answered", { timeout: 60_000 }, async () => {
    await innocent();
    const stalls = watchStalls();
    for (const { name, reply } of SENT.filter(({ name }) => !name.startsWith("large"))) {
      expect(await crowd.send(name, TO, "203.0.113.66"), name).toMatchObject({ reply: expect.stringMatching(reply) as string });
    }
    const all = SENT.map(({ name }, at) => crowd.send(name, TO, `203.0.113.${at + 1}`));
    const slowest = await innocentsDuring(Promise.all(all));
    const told = await Promise.all(all);
    const { cpuMs } = stalls.end();
    for (const [at, { reply }] of SENT.entries())
      expect(told[at], told[at]?.name).toMatchObject({ reply: expect.stringMatching(reply) as string });
    expect(cpuMs).toBeLessThan(STALL_MS);
    expect(slowest).toBeLessThan(INNOCENT_MS);
  });

  it("X-29 the 101st recipient is told to come later, and the hundred before it are served", async () => {
    const client = await SmtpClient.open(postern.running.smtp.port);
    await client.command("MAIL FROM:<boss@acme.example>", "250");
    for (let at = 1; at <= 100; at += 1) await client.command(`RCPT TO:<assistant+${at}@acme.example>`, "250");
    expect(await client.command("RCPT TO:<assistant+101@acme.example>")).toMatch(/^452 4\.5\.3 /);
    await client.command("DATA", "354");
    client.write(`${write({ from: "boss@acme.example", to: TO })}.\r\n`);
    expect(await client.reply()).toMatch(/^250 2\.0\.0 /);
    client.end();
  });

  it("X-29 what a person or an agent is shown of 25 MiB stalls nobody", async () => {
    const { items } = await postern.http.get<{ items: { id: string; size: number }[] }>(`/v1/mailboxes/${mailbox}/messages`, {
      limit: 200,
    });
    const large = items.filter(({ size }) => size > 10_000_000);
    expect(large.length).toBeGreaterThan(0);
    for (const { id } of large) {
      const stalls = watchStalls();
      const shown = await readApart(`${postern.running.http}/v1/messages/${id}`, ADMIN_KEY);
      expect(stalls.end().cpuMs).toBeLessThan(STALL_MS);
      expect(JSON.parse(shown.toString())).toMatchObject({ truncated: true });
    }
  });

  it("PB-09 the raw bytes of 25 MiB come whole, and stall nobody", async () => {
    const { items } = await postern.http.get<{ items: { id: string; size: number }[] }>(`/v1/mailboxes/${mailbox}/messages`, {
      limit: 200,
    });
    const largest = items.find(({ size }) => size === LARGEST);
    const stalls = watchStalls();
    const { length } = await readApart(`${postern.running.http}/v1/messages/${largest?.id}/raw`, ADMIN_KEY);
    expect(length).toBe(LARGEST);
    expect(stalls.end().cpuMs).toBeLessThan(STALL_MS);
  });
});

describe("MB-14 the end of a message is CRLF.CRLF and nothing else", () => {
  const VARIANTS = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\r.\n",
    "\n.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\n\n.\n\n",
    "\r\r\n.\r\r\n",
  ];

  it.each(VARIANTS.map((variant) => [JSON.stringify(variant), variant] as const))(
    "a message smuggled behind %s is never one",
    async (_name, variant) => {
      const before = await count();
      const client = await SmtpClient.open(postern.running.smtp.port);
      await client.command("MAIL FROM:<boss@acme.example>", "250");
      await client.command(`RCPT TO:<${TO}>`, "250");
      await client.command("DATA", "354");
      const smuggled = write({ from: "boss@acme.example", to: TO, subject: "smuggled" });
      const outer = write({ from: "boss@acme.example", to: TO, subject: "outer" }).trimEnd();
      client.write(`${outer}${variant}MAIL FROM:<boss@acme.example>\r\nRCPT TO:<${TO}>\r\nDATA\r\n${smuggled}.\r\n`);
      expect(await client.reply()).toMatch(/^550 5\.6\.11 /);
      expect(await client.command("NOOP")).toMatch(/^250 /);
      expect(client.unread).toBe("");
      client.end();
      expect(await count()).toBe(before);
    },
  );

  async function count(): Promise<number> {
    const { items } = await postern.http.get<{ items: unknown[] }>(`/v1/mailboxes/${mailbox}/decisions`, { limit: 200 });
    return items.length;
  }
});
