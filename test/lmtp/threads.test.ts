import { afterAll, beforeAll, expect, it } from "vitest";
import { Instance } from "../support/instance.ts";
import { freePort } from "../support/postfix.ts";
import { makeSigner, sign, write, type Letter } from "../support/signer.ts";
import { SmtpClient, stuffed } from "../support/smtp-client.ts";

const boss = makeSigner("acme.example", "192.0.2.1");
const rival = makeSigner("rival.example", "192.0.2.66");
const [BOSS, RIVAL, TO] = ["boss@acme.example", "boss@rival.example", "assistant@agents.example"];
const NOBODYS_IP = "203.0.113.9";

let postern: Instance;
let client: SmtpClient;

beforeAll(async () => {
  const lmtp = await freePort();
  postern = await Instance.start({ signers: [boss, rival], env: { POSTERN_LMTP: `127.0.0.1:${lmtp}` } });
  // Whoever writes is let in, so that it is the thread alone that keeps them apart.
  await postern.mailbox(TO, { defaultAction: "bounce", senders: [{ match: { domain: "*", allowUnverified: true }, capabilities: [] }] });
  client = await SmtpClient.connect(lmtp);
  await client.expect("220 ");
  await client.command("LHLO mta.agents.example", "250");
});
afterAll(async () => {
  client?.end();
  await postern?.close();
});

interface Given extends Omit<Partial<Letter>, "to"> {
  readonly from: string;
  readonly ip?: string;
  readonly signer?: typeof boss;
}

/** One message, as a relay hands it over; the thread it came into. */
async function threadOf({ from, ip = NOBODYS_IP, signer, ...letter }: Given): Promise<string> {
  const written = write({ from, to: TO, ...letter });
  const bytes = signer === undefined ? Buffer.from(written) : Buffer.from(await sign(written, signer));
  await client.command(`XFORWARD ADDR=${ip} HELO=client.example`, "250");
  await client.command(`MAIL FROM:<${from}>`, "250");
  await client.command(`RCPT TO:<${TO}>`, "250");
  await client.command("DATA", "354");
  await client.push(stuffed(bytes));
  const [id] = /msg_[0-9a-z]+/.exec(await client.expect("250 2.1.5")) ?? [];
  return (await postern.http.get<{ thread_id: string }>(`/v1/messages/${id}`)).thread_id;
}

it("X-28 over LMTP a thread is joined by who took part in it and is proven, and by nobody else who quotes its messages", async () => {
  const thread = await threadOf({ from: BOSS, ip: boss.ip, signer: boss, messageId: "plan@acme.example", text: "the plan" });
  const headers = ["In-Reply-To: <plan@acme.example>", "References: <plan@acme.example>"];
  const strangers = [
    await threadOf({ from: RIVAL, ip: rival.ip, signer: rival, headers, text: "let me in" }),
    await threadOf({ from: BOSS, headers, text: "it is me" }),
    await threadOf({ from: BOSS, ip: rival.ip, signer: rival, headers, text: "really me" }),
  ];
  expect(strangers).not.toContain(thread);
  expect(new Set(strangers).size).toBe(strangers.length);
  expect(await threadOf({ from: BOSS, ip: boss.ip, signer: boss, headers, text: "go on" })).toBe(thread);
  // By the client's address alone, which the relay states.
  expect(await threadOf({ from: BOSS, ip: boss.ip, headers, text: "and on" })).toBe(thread);
});
