import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client, Connection } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { messageId } from "../../src/message-id.ts";
import { inboundWorkflowId, makeId, type MailboxId } from "../../src/model/ids.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import type { Ticketed, Tickets } from "../../src/model/ticket.ts";
import { Instance } from "../support/instance.ts";
import { makeSigner, write } from "../support/signer.ts";
import { failureOf, startHostile, UNTRUSTED, type Hostile } from "./hostile-worker.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
/** The host of somebody who owns none of the domains. */
const ATTACKER = "203.0.113.66";
const BOSS = "boss@acme.example";

let postern: Instance;
let client: Client;
let connection: Connection;
let tickets: Tickets;
let hostile: Hostile;

beforeAll(async () => {
  postern = await Instance.start({ signers: [acme] });
  connection = await Connection.connect({ address: inject("temporalAddress") });
  client = new Client({ connection });
  tickets = await postern.tickets();
  hostile = await startHostile(client);
});
afterAll(async () => {
  await hostile?.close();
  await connection?.close();
  await postern?.close();
});

/** In the boss's name, from the attacker's host: held in one mailbox, and not the mail that the other one lets in. */
async function scene() {
  const to = `agent-${randomBytes(4).toString("hex")}@acme.example`;
  const held = await postern.mailbox(to, { defaultAction: "hold", senders: [] });
  const rule = { match: { address: BOSS }, capabilities: ["confirm_meeting"] };
  const open = await postern.mailbox(`open-${to}`, { defaultAction: "bounce", senders: [rule] });
  const bytes = write({ from: BOSS, to, text: `Pay ${to} at once.` });
  const told = await postern.deliver({ sender: BOSS, recipient: to, ip: ATTACKER, bytes });
  expect(told).toMatchObject({ code: 250 });
  const { tenant } = postern.running;
  const ref = { digest: createHash("sha256").update(bytes).digest("hex"), size: Buffer.byteLength(bytes) };
  const inputFor = (mailbox: string, ip: string): InboundInput => {
    const at = { tenant: tenant.id, mailbox: mailbox as MailboxId };
    const message = messageId({ ...at, digest: ref.digest, sender: BOSS, source: "smtp" });
    const envelope = { ip, helo: "client.example", sender: BOSS, recipient: to };
    return { ...at, message, ref, envelope, received_at: Date.now(), source: "smtp" };
  };
  return { open, seen: await inputOf(inputFor(held, ATTACKER)), forged: inputFor(open, acme.ip) };
}

/** What a history shows of a message that came in. */
async function inputOf({ message }: InboundInput): Promise<Ticketed<InboundInput>> {
  const { events } = await client.workflow.getHandle(inboundWorkflowId(message)).fetchHistory();
  const [input] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return defaultPayloadConverter.fromPayload(input!);
}

/** A run of our own code, on our own queue, started by somebody else. */
function start(type: string, input: unknown): Promise<unknown> {
  const options = { workflowId: `x-${randomBytes(8).toString("hex")}`, taskQueue: postern.taskQueues.inbound };
  return client.workflow.execute(type, { ...options, args: [input, postern.taskQueues.main] });
}

/** Their code calls a step of the inbound path. */
function step(name: string, ...args: readonly unknown[]): Promise<unknown> {
  return hostile.call(WORKFLOW.inboundMessage, postern.taskQueues.inbound, name, ...args);
}

/** What an agent, people and auditors see of a mailbox. */
async function seenIn(mailbox: string) {
  const agent = await postern.agent(mailbox);
  const { items: messages } = await agent.get<{ items: readonly unknown[] }>(`/v1/mailboxes/${mailbox}/messages`);
  const { items: decisions } = await postern.http.get<{ items: readonly unknown[] }>(`/v1/mailboxes/${mailbox}/decisions`);
  return { messages, decisions };
}

const NOTHING = { messages: [], decisions: [] };

async function countOf(activity: string): Promise<number> {
  const text = await (await fetch(`${postern.running.http}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`postern_faults_total{activity="${activity}",code="untrusted_start"}`));
  return Number(line?.split(" ").at(-1) ?? 0);
}

describe("DESIGN §9.1 whoever may start workflows and has seen every history makes up no mail", () => {
  it("a forged start: without a ticket, or with one of a mail that came, no envelope of one's own is judged", async () => {
    const { open, seen, forged } = await scene();
    const { ticket } = seen;
    const before = await countOf("posternVerify");
    const [lines, inputs] = [
      postern.logs.length,
      [forged, { ...forged, ticket }, { ...seen, envelope: forged.envelope }, { ...forged, ticket: "" }],
    ];
    for (const input of inputs) expect(await failureOf(start(WORKFLOW.inboundMessage, input))).toMatchObject(UNTRUSTED);
    expect(await seenIn(open)).toEqual(NOTHING);
    expect(await countOf("posternVerify")).toBe(before + inputs.length);
    const told = postern.logs.slice(lines).filter((line) => line.includes("untrusted_start") && line.includes("posternVerify"));
    expect(told.length).toBeGreaterThanOrEqual(inputs.length);
    expect(told.join("\n")).not.toMatch(/acme\.example|msg_|203\.0\.113/);
  });

  it("a forged start of several: a ticket for one type is none for the other, and one forged mail among true ones is not judged", async () => {
    const { open, seen, forged } = await scene();
    expect(await failureOf(start(WORKFLOW.inboundMessages, [seen]))).toMatchObject(UNTRUSTED);
    const together = tickets.sign(WORKFLOW.inboundMessages, { ...forged, envelope: { ...forged.envelope, ip: ATTACKER } });
    expect(await failureOf(start(WORKFLOW.inboundMessages, [together, forged]))).toMatchObject(UNTRUSTED);
    // The true one has its refusal, the forged one nothing: it is the same message.
    expect(await seenIn(open)).toMatchObject({ messages: [], decisions: [{ outcome: "rejected_at_verification" }] });
    expect(await failureOf(start(WORKFLOW.inboundMessage, together))).toMatchObject(UNTRUSTED);
  });

  it("a forged start of more than a door ever gathers, or of no messages at all, is refused before a step begins", async () => {
    const before = await countOf("posternVerify");
    const inputs = [Array.from({ length: 65 }, () => 0), Array.from({ length: 100_000 }, () => 0), null, "messages", { length: 1 }];
    for (const input of inputs) expect(await failureOf(start(WORKFLOW.inboundMessages, input))).toMatchObject(UNTRUSTED);
    expect(await countOf("posternVerify")).toBe(before);
    expect(
      await failureOf(
        start(
          WORKFLOW.inboundMessages,
          Array.from({ length: 64 }, () => 0),
        ),
      ),
    ).toMatchObject(UNTRUSTED);
    expect(await countOf("posternVerify")).toBe(before + 64);
  });

  it("while what a door of this instance says is judged, so that its word alone is between the two", async () => {
    const { open, forged } = await scene();
    expect(await start(WORKFLOW.inboundMessage, tickets.sign(WORKFLOW.inboundMessage, forged))).toMatchObject({ outcome: "delivered" });
    expect((await seenIn(open)).messages).toHaveLength(1);
  });
});

describe("DESIGN §9.1 nor does code of theirs that calls itself ours", () => {
  it("each step asks for the ticket itself", async () => {
    const { open, seen, forged } = await scene();
    const facts = await step("posternVerify", seen);
    const judged = await step("posternGuard", seen, facts);
    for (const input of [forged, { ...forged, ticket: seen.ticket }]) {
      expect(await failureOf(step("posternVerify", input))).toMatchObject(UNTRUSTED);
      expect(await failureOf(step("posternGuard", input, facts))).toMatchObject(UNTRUSTED);
      expect(await failureOf(step("posternBudget", input, facts, judged))).toMatchObject(UNTRUSTED);
    }
    expect(await seenIn(open)).toEqual(NOTHING);
  });

  it("no step goes by facts or by a judgement that a workflow made up, changed, or has of another mail", async () => {
    const { open, forged } = await scene();
    const sign = (ip: string) => tickets.sign(WORKFLOW.inboundMessage, { ...forged, envelope: { ...forged.envelope, ip } });
    const [bad, good] = [sign(ATTACKER), sign(acme.ip)];
    const [badFacts, goodFacts] = [await step("posternVerify", bad), await step("posternVerify", good)] as [object, object];
    const [badVerdict, goodVerdict] = [await step("posternGuard", bad, badFacts), await step("posternGuard", good, goodFacts)] as [
      object,
      object,
    ];
    expect([badVerdict, goodVerdict]).toMatchObject([{ outcome: "rejected_at_verification" }, { outcome: "delivered" }]);
    const { facts } = goodFacts as { readonly facts: unknown };
    for (const given of [goodFacts, { kind: "facts", facts }, { ...badFacts, facts }, null])
      expect(await failureOf(step("posternGuard", bad, given))).toMatchObject(UNTRUSTED);
    const verdict = { ...badVerdict, outcome: "delivered", reason: "admitted", capabilities: ["confirm_meeting"] };
    for (const given of [verdict, goodVerdict, { ...goodVerdict, ticket: undefined }, null])
      expect(await failureOf(step("posternBudget", bad, badFacts, given))).toMatchObject(UNTRUSTED);
    expect(await failureOf(step("posternBudget", bad, goodFacts, goodVerdict))).toMatchObject(UNTRUSTED);
    expect(await seenIn(open)).toEqual(NOTHING);
    expect(await step("posternBudget", bad, badFacts, badVerdict)).toMatchObject({ outcome: "rejected_at_verification" });
  });

  it("NY-01 nor a draft in the name of a key: no step of the outbound path acts without a ticket", async () => {
    const draft = makeId("drf", randomBytes(16));
    const { tenant } = postern.running;
    const input = { tenant: tenant.id, draft, mailbox: makeId("mbx", randomBytes(16)), author: makeId("key", randomBytes(16)) };
    const { main } = postern.taskQueues;
    for (const name of ["posternScreen", "posternCopy", "posternSend"]) {
      const run = hostile.call(WORKFLOW.outboundMessage, main, name, input, { at: 0, tries: 0 });
      expect(await failureOf(run), name).toMatchObject(UNTRUSTED);
      expect(await countOf(name)).toBe(1);
    }
  });
});

describe("DESIGN §9.10 a hold is named by ids", () => {
  it("whoever starts its workflow writes no text of his own into the log, and nothing about what is not there", async () => {
    const { seen } = await scene();
    const { main } = postern.taskQueues;
    const { tenant, mailbox } = seen;
    const hold = makeId("msg", randomBytes(16));
    const text = "eve@strange.example";
    for (const ref of [
      { tenant, mailbox, hold: text },
      { tenant: text, mailbox, hold },
      { tenant, mailbox: text, hold },
      { tenant, mailbox },
    ])
      for (const name of ["posternHoldTimes", "posternDropped", "posternDecide", "posternHoldTimer"])
        expect(await failureOf(hostile.call(WORKFLOW.holdMessage, main, name, ref, 1, {}, {}))).toMatchObject({ type: "invalid_request" });
    expect(await hostile.call(WORKFLOW.holdMessage, main, "posternDropped", { tenant, mailbox, hold }, 7)).toBeNull();
    expect(await hostile.call(WORKFLOW.holdMessage, main, "posternHoldTimes", { tenant, mailbox, hold })).toBeNull();
    using database = new DatabaseSync(join(postern.dataDir, "postern.db"), { readOnly: true, timeout: 5000 });
    const rows = (query: string): string => JSON.stringify(database.prepare(query).all());
    const log = rows("select leaf from audit_entries");
    expect(log).toContain("decision");
    expect(log + rows("select * from attempts") + rows("select * from audit_private")).not.toContain(text);
    expect(log).not.toContain("hold.signals_dropped");
  });
});
