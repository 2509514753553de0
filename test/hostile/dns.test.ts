import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { Instance } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { SmtpClient, stuffed } from "../support/smtp-client.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const TO = "assistant@acme.example";
/** Milliseconds after which no message waits for DNS any more, but a little: what took less did not wait for them. */
const GIVEN_UP_MS = 4_500;
const HELD_TO = "held@acme.example";

let postern: Instance;
let heldMailbox: string;

function policyWith(defaultAction: "bounce" | "hold") {
  return definePolicy({
    defaultAction,
    senders: [
      { match: { domain: "acme.example" }, capabilities: ["read_calendar"] },
      { match: { domain: "tar.example" }, capabilities: ["read_calendar"] },
      { match: { domain: "many.example" }, capabilities: ["read_calendar"] },
    ],
    contentGuards: [],
    auditLog: { retentionDays: 90, includeBodyHash: true },
  });
}

beforeAll(async () => {
  postern = await Instance.start({
    signers: [acme],
    zone: { "tar.example": { TXT: "TARPIT" }, "_dmarc.tar.example": { TXT: "TARPIT" } },
  });
  await postern.mailbox(TO, policyWith("bounce"));
  heldMailbox = await postern.mailbox(HELD_TO, policyWith("hold"));
});
afterAll(() => postern?.close());

async function fromBoss(to = TO) {
  return postern.deliver({
    sender: "boss@acme.example",
    recipient: to,
    ip: acme.ip,
    bytes: await sign(write({ from: "boss@acme.example", to }), acme),
  });
}

async function timed<T>(work: Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const start = performance.now();
  return { value: await work, ms: performance.now() - start };
}

/** A sender whose SPF asks for `terms` MX records of ten hosts each, and for one more of `rest` hosts. */
function manyLookups(terms: number, rest: number): Record<string, object> {
  const counts = [...Array<number>(terms).fill(10), rest];
  const mechanisms = counts.map((_, at) => `mx:m${at}.many.example`).join(" ");
  const host = (at: number, index: number): string => `h${at}-${index}.many.example`;
  return Object.fromEntries([
    ["many.example", { TXT: [`v=spf1 ${mechanisms} ip4:192.0.2.9 -all`] }],
    ["_dmarc.many.example", { TXT: ["v=DMARC1; p=none"] }],
    ...counts.flatMap((count, at) => [
      [`m${at}.many.example`, { MX: Array.from({ length: count }, (_, index) => [10, host(at, index)]) }],
      ...Array.from({ length: count }, (_, index) => [host(at, index), { A: ["198.51.100.77"] }]),
    ]),
  ]) as Record<string, object>;
}

function fromMany() {
  const bytes = write({ from: "x@many.example", to: TO });
  return postern.deliver({ sender: "x@many.example", recipient: TO, ip: "192.0.2.9", bytes });
}

describe("look-ups", () => {
  it("X-29 60 of one message are made, with the 61st it is judged later", async () => {
    // 5 × (MX + 10 hosts) + MX + hosts, the SPF record and the DMARC record.
    await postern.publish(manyLookups(5, 2));
    expect(await fromMany()).toMatchObject({ code: 250 });
    await postern.publish(manyLookups(5, 3));
    expect(await fromMany()).toMatchObject({ code: 451, enhanced: "4.7.1" });
    await postern.publish({});
  });
});

describe("a door with many messages that wait for DNS", () => {
  it("X-29 gives up after 5 s with 451, takes five of one peer at once and tells its others 451 at once; other peers are not concerned", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => atFinalDot("203.0.113.7")));
    const answers = all.map((end) => timed(end()));
    const { value: other } = await timed(fromBoss());
    expect(other).toMatchObject({ code: 250 });
    const [busy, undecided] = split(await Promise.all(answers));
    expect([busy.length, undecided.length]).toEqual([3, 5]);
    expect(slowest(busy)).toBeLessThan(GIVEN_UP_MS);
    expect(Math.min(...undecided.map(({ ms }) => ms))).toBeGreaterThan(GIVEN_UP_MS);
    expect(slowest(undecided)).toBeLessThan(9_000);
  });

  it("X-29 sixty of them stop neither other senders, nor a person's release, nor HTTP", async () => {
    expect(await fromBoss(HELD_TO)).toMatchObject({ code: 250 });
    const waiting = await stranger();
    const all = await Promise.all(Array.from({ length: 60 }, (_, at) => atFinalDot(`198.51.100.${at + 1}`)));
    let open = all.length;
    const answers = all.map((end) => timed(end()).finally(() => (open -= 1)));

    const [release, health] = await Promise.all([
      timed(postern.http.send<{ outcome: string }>("POST", `/v1/messages/${waiting}/release`, {})),
      timed(fetch(`${postern.running.http}/healthz`)),
    ]);
    expect(release.value).toMatchObject({ outcome: "delivered" });
    expect(release.ms).toBeLessThan(GIVEN_UP_MS);
    expect(health.value.status).toBe(200);
    expect(health.ms).toBeLessThan(GIVEN_UP_MS);

    // The hurried ones are given up after a second, and their places are everybody's.
    await Promise.any(answers.map(async (answer) => expect((await answer).value).toMatch(/^451 4\.7\.1 /)));
    const innocent = await timed(fromBoss());
    expect(innocent.value).toMatchObject({ code: 250 });
    expect(innocent.ms).toBeLessThan(GIVEN_UP_MS);
    // All of it while the patient ones still waited.
    expect(open).toBeGreaterThanOrEqual(15);

    // Half of the worker's slots are the door's; who comes beyond them is told at once.
    const [busy, undecided] = split(await Promise.all(answers));
    expect([busy.length, undecided.length]).toEqual([10, 50]);
    expect(slowest(busy)).toBeLessThan(GIVEN_UP_MS);
    expect(slowest(undecided)).toBeLessThan(9_000);
  });
});

interface Timed {
  readonly value: string;
  readonly ms: number;
}

/** Those for whom there was no place, and those whose DNS did not answer. */
function split(told: readonly Timed[]): readonly [readonly Timed[], readonly Timed[]] {
  const saying = (prefix: string): readonly Timed[] => told.filter(({ value }) => value.startsWith(prefix));
  return [saying("451 4.3.2 "), saying("451 4.7.1 ")];
}

function slowest(told: readonly Timed[]): number {
  return Math.max(...told.map(({ ms }) => ms));
}

/** A message of nobody's, held for people; its id. */
async function stranger(): Promise<string> {
  const bytes = write({ from: "sam@elsewhere.example", to: HELD_TO });
  expect(await postern.deliver({ sender: "sam@elsewhere.example", recipient: HELD_TO, ip: "192.0.2.200", bytes })).toMatchObject({
    code: 250,
  });
  const { items } = await postern.http.get<{ items: { id: string }[] }>(`/v1/mailboxes/${heldMailbox}/messages`, { outcome: "held" });
  return items[0]?.id ?? "";
}

/** A message of the tar pit's, handed over up to its final dot; the function sends that and gives the reply. */
async function atFinalDot(ip: string): Promise<() => Promise<string>> {
  const client = await SmtpClient.open(postern.running.smtp.port);
  await client.command(`XCLIENT ADDR=${ip}`, "220");
  await client.command("EHLO mx.tar.example", "250");
  await client.command("MAIL FROM:<x@tar.example>", "250");
  await client.command(`RCPT TO:<${TO}>`, "250");
  await client.command("DATA", "354");
  const bytes = stuffed(write({ from: "x@tar.example", to: TO }));
  await client.push(bytes.subarray(0, -3));
  return async () => {
    client.write(".\r\n");
    const reply = await client.reply();
    client.end();
    return reply;
  };
}
