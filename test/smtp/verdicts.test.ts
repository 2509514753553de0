import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../../src/gate.ts";
import { messageId } from "../../src/message-id.ts";
import type { Violation } from "../../src/mail/reader.ts";
import type { InboundOutcome } from "../../src/model/decision.ts";
import { PosternError } from "../../src/model/errors.ts";
import type { MailboxId, TenantId } from "../../src/model/ids.ts";
import { decided, DEFERRALS } from "./decisions.ts";
import { delivering, eventually, gateThat, World } from "./world.ts";

const [ONE, TWO] = ["one@acme.example", "two@acme.example"];
let world: World;
let tenant: TenantId;
let one: MailboxId;
let two: MailboxId;

beforeAll(async () => {
  world = await World.create();
  tenant = await world.tenant("acme");
  one = await world.mailbox(tenant, ONE, "uno@acme.example");
  two = await world.mailbox(tenant, TWO);
});
afterEach(() => world.closeDoors());
afterAll(() => world.destroy());

let serial = 0;
function freshMail(): string {
  return `Subject: ${(serial += 1)}\r\n\r\nhello\r\n`;
}

/** A gate that answers per mailbox. */
function outcomes(table: Readonly<Record<MailboxId, InboundOutcome | Answer>>) {
  return gateThat(({ mailbox, message }) => {
    const answer = table[mailbox] ?? "delivered";
    return typeof answer === "string" ? decided(answer, message) : answer;
  });
}

describe("the answer to the final dot", () => {
  it.each([
    ["delivered", "250 2.0.0"],
    ["held", "250 2.0.0"],
    ["quarantined", "250 2.0.0"],
    ["discarded", "250 2.0.0"],
    ["rejected_at_verification", "550 5.7.1"],
    ["rejected_at_policy", "550 5.7.1"],
    ["rejected_at_content_guard", "550 5.7.1"],
    ["rate_limited", "550 5.7.1"],
    ["budget_exhausted", "550 5.7.1"],
  ] as const)("MB-02 %s is %s, inside the transaction", async (outcome, reply) => {
    const { client } = await world.open({ gate: outcomes({ [one]: outcome }) });
    expect((await (await client()).send({ to: [ONE], data: freshMail() })).startsWith(reply)).toBe(true);
  });

  it("the gate is told bytes, envelope, mailbox and time, and has the answer deadline", async () => {
    let deadline = 0;
    const gate = gateThat(({ message }, deadlineMs) => {
      deadline = deadlineMs;
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate });
    const before = Date.now();
    const reply = await (await client()).send({ from: "Boss@Acme.example", to: ["one+x@acme.example"], data: freshMail() });
    const [input] = gate.received;
    expect(input).toMatchObject({ tenant, mailbox: one, envelope: { sender: "Boss@acme.example", recipient: "one+x@acme.example" } });
    expect(input?.message).toBe(messageId({ tenant, mailbox: one, digest: input!.ref.digest, sender: "Boss@acme.example" }));
    expect(reply).toBe(`250 2.0.0 accepted as ${input!.message}`);
    expect(input?.received_at).toBeGreaterThanOrEqual(before);
    expect(deadline).toBeGreaterThan(29_000);
    expect(deadline).toBeLessThanOrEqual(30_000);
  });

  it("the same mail again is the same message, from another sender another", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    const data = freshMail();
    for (const from of ["a@client.example", "a@client.example", "b@client.example"]) await peer.send({ from, to: [ONE], data });
    const [first, second, third] = gate.received.map(({ message }) => message);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it("a gate that fails is 451, never an acceptance", async () => {
    const gate = gateThat(() => Promise.reject(new Error("secret@client.example")));
    const { client, logged } = await world.open({ gate });
    expect(await (await client()).send({ to: [ONE], data: freshMail() })).toMatch(/^451 4\.3\.1/);
    expect(logged.join()).not.toContain("secret");
  });

  it("a structure limit is told as the reader says, and nothing is judged or kept", async () => {
    const broken: Violation = { limit: "parts", code: 554, enhanced: "5.6.0", text: "too many parts" };
    const { gate, client } = await world.open({ inspect: () => Promise.resolve(broken) });
    let digest = "";
    const watched = await world.open({
      inspect: ({ ref }) => {
        digest = ref.digest;
        return Promise.resolve(broken);
      },
    });
    expect(await (await client()).send({ to: [ONE], data: freshMail() })).toBe("554 5.6.0 too many parts");
    await (await watched.client()).send({ to: [ONE], data: freshMail() });
    await eventually(async () => (await world.blobs.get(tenant, digest)) === null);
    expect(gate.received).toEqual([]);
  });

  it("a reader that fails is 451", async () => {
    const { gate, client } = await world.open({ inspect: () => Promise.reject(new Error("thread died")) });
    expect(await (await client()).send({ to: [ONE], data: freshMail() })).toMatch(/^451 4\.3\.1/);
    expect(gate.received).toEqual([]);
  });
});

it("a reader that is slow does not use up more than the sender's patience: 451, and nothing is judged", async () => {
  const { gate, client } = await world.open({ inspect: () => new Promise(() => {}), limits: { answerMs: 50 } });
  expect(await (await client()).send({ to: [ONE], data: freshMail() })).toMatch(/^451 4\.7\.1/);
  expect(gate.received).toEqual([]);
});

describe("what the reader cannot read", () => {
  it.each([
    ["a message that takes too much is refused", "internal", /^554 5\.6\.0/],
    ["bytes that are not there any more are asked for again", "not_found", /^451 4\.3\.1/],
  ] as const)("%s", async (_what, code, reply) => {
    const { gate, client } = await world.open({ inspect: () => Promise.reject(new PosternError(code, "cannot be read")) });
    expect(await (await client()).send({ to: [ONE], data: freshMail() })).toMatch(reply);
    expect(gate.received).toEqual([]);
  });
});

describe("several recipients", () => {
  it.each([
    ["delivered", "delivered", 250],
    ["delivered", "rejected_at_policy", 250],
    ["rejected_at_policy", "held", 250],
    ["rejected_at_policy", "rate_limited", 550],
    ["delivered", "deferred", 451],
    ["rejected_at_policy", "deferred", 451],
  ] as const)("%s and %s are answered %i", async (first, second, code) => {
    const { gate, client } = await world.open({ gate: outcomes({ [one]: first, [two]: second }) });
    expect(await (await client()).send({ to: [ONE, TWO], data: freshMail() })).toMatch(new RegExp(`^${code} `));
    expect(gate.received.map(({ mailbox }) => mailbox).toSorted()).toEqual([one, two].toSorted());
  });

  it("a mailbox named three ways is judged once, for its first name", async () => {
    const { gate, client } = await world.open();
    await (await client()).send({ to: ["uno@acme.example", TWO, ONE, "one+tag@acme.example"], data: freshMail() });
    expect(gate.received.map(({ envelope }) => envelope.recipient)).toEqual(["uno@acme.example", TWO]);
  });

  it("each (message, recipient) has a receipt with what was told", async () => {
    const { gate, client } = await world.open({ gate: outcomes({ [two]: "rejected_at_policy" }) });
    const reply = await (await client("helo.example")).send({ from: "", to: ["uno@acme.example", ONE, TWO], data: freshMail() });
    const receipts = async (message: string) => await world.store.run("receipts.list", { tenant, message: message as `msg_${string}` });
    const [first, second] = gate.received.map(({ message }) => message) as [string, string];
    await eventually(async () => (await receipts(first)).length === 2 && (await receipts(second)).length === 1);
    const all = [...(await receipts(first)), ...(await receipts(second))];
    expect(all.map(({ recipient }) => recipient).toSorted()).toEqual([ONE, TWO, "uno@acme.example"]);
    for (const receipt of all) expect(receipt).toMatchObject({ peer: "127.0.0.1", helo: "helo.example", sender: "", reply });
  });

  it("a receipt that cannot be written changes nothing", async () => {
    const store = {
      run: ((name, args) =>
        name === "receipts.add" ? Promise.reject(new Error("down")) : world.store.run(name, args)) as typeof world.store.run,
    };
    const { client, logged } = await world.open({ store });
    expect(await (await client()).send({ to: [ONE], data: freshMail() })).toMatch(/^250/);
    await eventually(() => logged.some((line) => line.includes("receipt not written")));
  });
});

describe("the raw of refused mail", () => {
  it("goes when all refused or are to be judged afresh, and stays when one took it or may still be judged", async () => {
    const kept: Record<string, boolean> = {};
    const seconds: readonly Answer[] = [
      decided("rejected_at_content_guard"),
      decided("quarantined"),
      ...DEFERRALS.map((reason) => ({ kind: "deferred", reason }) as const),
    ];
    for (const second of seconds) {
      const gate = gateThat(({ mailbox, message }) => (mailbox === one ? decided("rejected_at_policy", message) : second));
      const { client, listener } = await world.open({ gate });
      const data = freshMail();
      await (await client()).send({ to: [ONE, TWO], data });
      await listener.close();
      const name = second.kind === "deferred" ? second.reason : second.decision.outcome;
      kept[name] = (await world.blobs.get(tenant, gate.received[0]!.ref.digest)) !== null;
    }
    expect(kept).toEqual({
      ...{ rejected_at_content_guard: false, quarantined: true },
      ...{ dns_unavailable: false, on_limit: false, no_answer: true, busy: true, unavailable: true },
    });
  });

  it("stays while the same bytes are being judged for somebody else", async () => {
    const slow = Promise.withResolvers<void>();
    const gate = gateThat(async ({ mailbox, message }) => {
      if (mailbox === one) return decided("rejected_at_policy", message);
      await slow.promise;
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate });
    const data = freshMail();
    const accepted = (await client()).send({ to: [TWO], data });
    await eventually(() => gate.received.length === 1);
    expect(await (await client()).send({ to: [ONE], data })).toMatch(/^550/);
    slow.resolve();
    expect(await accepted).toMatch(/^250/);
    await world.closeDoors();
    expect(await world.blobs.get(tenant, gate.received[0]!.ref.digest)).not.toBeNull();
  });

  it("stays when the store still needs it", async () => {
    const store = {
      run: ((name, args) =>
        name === "messages.references" ? Promise.resolve(true) : world.store.run(name, args)) as typeof world.store.run,
    };
    const { gate, client } = await world.open({ gate: outcomes({ [one]: "rejected_at_policy" }), store });
    expect(await (await client()).send({ to: [ONE], data: freshMail() })).toMatch(/^550/);
    await world.closeDoors();
    expect(await world.blobs.get(tenant, gate.received[0]!.ref.digest)).not.toBeNull();
  });
});

describe("judgements in flight", () => {
  it("a peer's 6th is 451 4.3.2, is not judged, and leaves nothing", async () => {
    const held = Promise.withResolvers<void>();
    const gate = gateThat(async ({ message }) => {
      await held.promise;
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate });
    const peers = await Promise.all(Array.from({ length: 5 }, () => client()));
    const replies = peers.map((peer) => peer.send({ to: [ONE], data: freshMail() }));
    await eventually(() => gate.received.length === 5);
    const late = await client();
    expect(await late.send({ to: [ONE], data: freshMail() })).toMatch(/^451 4\.3\.2/);
    expect(gate.received).toHaveLength(5);
    expect(await world.temporaryFiles()).toEqual([]);
    held.resolve();
    expect((await Promise.all(replies)).every((reply) => reply.startsWith("250"))).toBe(true);
    expect(await late.send({ to: [ONE], data: freshMail() })).toMatch(/^250/);
  });

  it("the total bounds peers that are exempt, too", async () => {
    const held = Promise.withResolvers<void>();
    const gate = gateThat(async ({ message }) => {
      await held.promise;
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate, trustedRelays: ["127.0.0.1"], limits: { judgements: 7 } });
    const peers = await Promise.all(Array.from({ length: 8 }, () => client()));
    const replies = peers.slice(0, 7).map((peer) => peer.send({ to: [ONE], data: freshMail() }));
    await eventually(() => gate.received.length === 7);
    expect(await peers[7]!.send({ to: [ONE], data: freshMail() })).toMatch(/^451 4\.3\.2/);
    held.resolve();
    await Promise.all(replies);
  });

  it("more mailboxes than places take turns, never more at once than the bound", async () => {
    let now = 0;
    let most = 0;
    const gate = gateThat(async ({ message }) => {
      most = Math.max(most, (now += 1));
      await new Promise(setImmediate);
      now -= 1;
      return decided("delivered", message);
    });
    const addresses = Array.from({ length: 12 }, (_, index) => `m${index}@acme.example`);
    for (const address of addresses) await world.mailbox(tenant, address);
    const { client } = await world.open({ gate });
    expect(await (await client()).send({ to: addresses, data: freshMail() })).toMatch(/^250/);
    expect(gate.received).toHaveLength(12);
    expect(most).toBe(5);
  });

  it("what is not reached before the deadline is 451, and the retry is judged", async () => {
    let waits = 60;
    const gate = gateThat(async ({ message }) => {
      await new Promise((resolve) => setTimeout(resolve, waits));
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate, limits: { judgementsPerPeer: 1, answerMs: 50 } });
    const peer = await client();
    const data = freshMail();
    expect(await peer.send({ to: [ONE, TWO], data })).toMatch(/^451 4\.7\.1/);
    expect(gate.received.map(({ mailbox }) => mailbox)).toEqual([one]);
    waits = 0;
    expect(await peer.send({ to: [ONE, TWO], data })).toMatch(/^250/);
    expect(gate.received.map(({ mailbox }) => mailbox)).toEqual([one, one, two]);
  });

  it("50 connections at once are all answered, each with its own message", async () => {
    const { gate, client } = await world.open({ gate: delivering(), limits: { connectionsPerPeer: 50, judgementsPerPeer: 50 } });
    const replies = await Promise.all(Array.from({ length: 50 }, async () => (await client()).send({ to: [ONE], data: freshMail() })));
    expect(replies.every((reply) => reply.startsWith("250 2.0.0 accepted as msg_"))).toBe(true);
    expect(new Set(replies).size).toBe(50);
    expect(gate.received).toHaveLength(50);
  });
});
