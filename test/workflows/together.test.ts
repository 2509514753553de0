import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { Client, Connection, WorkflowFailedError } from "@temporalio/client";
import { CancelledFailure } from "@temporalio/common";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { NativeConnection, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { MAX_CONTENT_GUARDS } from "../../policies/schema.ts";
import type { Answer, Gate } from "../../src/gate.ts";
import { GATHERING } from "../../src/gathering.ts";
import { PosternError } from "../../src/model/errors.ts";
import { GUARDED_PLACES } from "../../src/model/finding.ts";
import { inboundWorkflowId, type MessageId, type TenantId } from "../../src/model/ids.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import type { Store } from "../../src/store/contract.ts";
import { workflowBundle } from "../support/bundle.ts";
import type { Place } from "../store/samples.ts";
import { makeSigner, sign, write, type Letter } from "../support/signer.ts";
import { openGateRig, type GateRig, type RigMail } from "./gate-rig.ts";
import { historyIn } from "./histories.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const slow = makeSigner("slow.example", "198.51.100.7");
const BOSS = "boss@acme.example";

let rig: GateRig;
beforeAll(async () => {
  rig = await openGateRig([acme, slow]);
});
afterAll(() => rig?.close());

/** A gate whose runs begin when so many messages are together, and not before. */
function gateOf(messages: number, rest: Parameters<GateRig["newGate"]>[0] = {}): Gate {
  return rig.newGate({ gathering: { ...GATHERING, runs: 0, waitMs: 60_000, messages }, ...rest });
}

async function mail(letter: Partial<Letter> = {}, ip = acme.ip): Promise<RigMail> {
  return { bytes: await sign(write({ from: BOSS, ...letter }), acme), sender: BOSS, ip };
}

function mails(count: number): Promise<readonly RigMail[]> {
  return Promise.all(Array.from({ length: count }, () => mail()));
}

type Received = Awaited<ReturnType<GateRig["receive"]>>;

function together(at: Place, all: readonly RigMail[], gate = gateOf(all.length)): Promise<readonly Received[]> {
  return Promise.all(all.map((each) => rig.receive(at, each, gate)));
}

const temporary = () => new PosternError("unavailable", "not now", { temporary: true });
const broken = () => new PosternError("internal", "cannot be read");

function runIn({ answer }: Received): string {
  return answer.kind === "decided" ? answer.decision.run : expect.fail(`not decided: ${JSON.stringify(answer)}`);
}

function outcomeOf({ answer }: Received): string {
  return answer.kind === "decided" ? answer.decision.outcome : answer.reason;
}

async function decisionsOn(at: Place, message: MessageId) {
  const { items } = await rig.store.run("decisions.list", { ...at, message, limit: 50 });
  return items;
}

/** Where in Temporal the final decision was made, as the log tells it. */
async function placeOf(tenant: TenantId, message: MessageId): Promise<{ workflow_id: string; run_id: string; activity_id: string }> {
  const entries = await rig.store.run("audit.of_message", { tenant, message });
  expect(entries).toHaveLength(1);
  return JSON.parse(entries[0]!.leaf);
}

/** What became of a message, without what differs between any two. */
function madeOf({ answer }: Received) {
  if (answer.kind === "deferred") return answer;
  const { id: _id, message: _message, run: _run, at: _at, policy, reservations, ...rest } = answer.decision;
  return { ...rest, policy: policy.digest, reservations: reservations.map(({ ledger, scope }) => ({ ledger, scope })) };
}

describe("messages that are judged together", () => {
  it("come while a run is under way, and begin when it has answered; the one at rest has its own", async () => {
    const at = await rig.mailbox();
    const [first, ...others] = (await mails(4)) as [RigMail, ...RigMail[]];
    const stalled = rig.stall(first, "authenticate");
    const asked = new Set<string>();
    const allAsked = Promise.withResolvers<void>();
    // A gate listens for a decision in the moment in which it asks for a run.
    const watch: Store["watch"] = (key, ms) => {
      if (asked.add(key).size === 4) allAsked.resolve();
      return rig.store.watch(key, ms);
    };
    const store: Store = { run: (...args) => rig.store.run(...args), watch, close: () => rig.store.close() };
    const gate = rig.newGate({ store, gathering: { ...GATHERING, waitMs: 60_000 } });
    const alone = rig.receive(at, first, gate);
    await stalled.reached;
    const shared = together(at, others, gate);
    await allAsked.promise;
    stalled.release();
    const [one, ...rest] = [await alone, ...(await shared)];
    const [own, ...places] = await Promise.all([one, ...rest].map(({ input }) => placeOf(at.tenant, input.message)));
    expect(own!.workflow_id).toBe(inboundWorkflowId(one.input.message));
    expect(new Set(places.map(({ run_id }) => run_id)).size).toBe(1);
    expect(places[0]!.run_id).not.toBe(own!.run_id);
  });

  it("MB-12 are judged as each would be alone: delivered, refused, held, deferred, after failures", async () => {
    const mix: readonly [RigMail, string, ((mail: RigMail) => void)?][] = [
      [await mail(), "delivered"],
      [await mail({}, "203.0.113.66"), "delivered"],
      [{ ...(await mail()), bytes: write({ from: BOSS }), ip: "203.0.113.66" }, "rejected_at_verification"],
      [await mail({ text: "This is forbidden." }), "rejected_at_content_guard"],
      [await mail({ text: "unscannable" }), "held", (each) => rig.failOn(each, "scan", broken())],
      [{ ...(await mail()), bytes: write({ from: "sam@slow.example" }), sender: "sam@slow.example", ip: slow.ip }, "dns_unavailable"],
      [await mail(), "delivered", (each) => rig.failOn(each, "authenticate", temporary(), temporary())],
      [await mail(), "delivered", (each) => rig.failOn(each, "headline", temporary())],
    ];
    rig.publish({ "slow.example": { TXT: "TEMPFAIL" } });
    const trouble = () => mix.forEach(([each, , given]) => given?.(each));
    const [apart, joint] = [await rig.mailbox(), await rig.mailbox()];
    trouble();
    const alone: Received[] = [];
    for (const [each] of mix) alone.push(await rig.receive(apart, each));
    trouble();
    const shared = await together(
      joint,
      mix.map(([each]) => each),
    );
    rig.publish({});
    expect(shared.map(outcomeOf)).toEqual(mix.map(([, outcome]) => outcome));
    expect(shared.map(madeOf)).toEqual(alone.map(madeOf));
    const runs = new Set(shared.filter(({ answer }) => answer.kind === "decided").map(runIn));
    expect(runs.size).toBe(1);
    const { workflow_id, run_id } = await placeOf(joint.tenant, shared[0]!.input.message);
    expect(run_id).toBe([...runs][0]);
    const handle = rig.client.workflow.getHandle(workflow_id, run_id);
    expect((await handle.describe()).type).toBe(WORKFLOW.inboundMessages);
    const decided = await Promise.all(shared.map(async ({ input }) => (await decisionsOn(joint, input.message))[0]!.decision));
    const results = (await handle.result()) as { readonly id: string }[];
    expect(results.toSorted(byId)).toEqual(decided.map(({ id, outcome, reason }) => ({ id, outcome, reason })).toSorted(byId));
  });

  it("DESIGN §9.8 each have a place of their own in the history and the log, under an id that names none of them", async () => {
    const at = await rig.mailbox();
    const received = await together(at, await mails(5));
    const places = await Promise.all(received.map(({ input }) => placeOf(at.tenant, input.message)));
    expect(new Set(places.map(({ workflow_id }) => workflow_id)).size).toBe(1);
    expect(new Set(places.map(({ activity_id }) => activity_id)).size).toBe(5);
    expect(places[0]!.workflow_id).toMatch(/^ins-[0-9a-z]{26}$/);
    const next = await together(at, await mails(2));
    expect((await placeOf(at.tenant, next[0]!.input.message)).workflow_id).not.toBe(places[0]!.workflow_id);
  });

  it("MB-07 DESIGN §9.5 share a limit as messages of several runs do", async () => {
    const at = await rig.mailbox(
      definePolicy({
        defaultAction: "bounce",
        senders: [{ match: { domain: "*" }, capabilities: [], rateLimit: { perHour: 3 } }],
        contentGuards: [],
        auditLog: { retentionDays: 90, includeBodyHash: true },
      }),
    );
    const received = await together(at, await mails(8));
    expect(received.map(outcomeOf).toSorted()).toEqual([...Array(3).fill("delivered"), ...Array(5).fill("rate_limited")]);
  });

  it("are answered one by one: nobody waits for the slowest", async () => {
    const at = await rig.mailbox();
    const [last, ...others] = (await mails(6)) as [RigMail, ...RigMail[]];
    const stalled = rig.stall(last, "authenticate");
    const gate = gateOf(6);
    const waiting = rig.receive(at, last, gate);
    const received = await together(at, others, gate);
    expect(received.map(outcomeOf)).toEqual(others.map(() => "delivered"));
    await stalled.reached;
    stalled.release();
    const late = await waiting;
    expect(outcomeOf(late)).toBe("delivered");
    expect(runIn(late)).toBe(runIn(received[0]!));
  });

  it("of which one is deferred: its retry is judged afresh, in a run of its own", async () => {
    const at = await rig.mailbox();
    const fromSlow = { bytes: write({ from: "sam@slow.example" }), sender: "sam@slow.example", ip: slow.ip };
    rig.publish({ "slow.example": { TXT: "TEMPFAIL" } });
    const [deferred, other] = await together(at, [fromSlow, await mail()]);
    expect(deferred!.answer).toEqual({ kind: "deferred", reason: "dns_unavailable" });
    expect(outcomeOf(other!)).toBe("delivered");
    rig.publish({});
    const retried = await rig.receive(at, fromSlow);
    expect(outcomeOf(retried)).toBe("delivered");
    expect((await placeOf(at.tenant, retried.input.message)).workflow_id).toBe(inboundWorkflowId(retried.input.message));
    const decisions = await decisionsOn(at, retried.input.message);
    expect(decisions.map(({ decision, final }) => [decision.outcome, final])).toEqual([
      ["delivered", true],
      ["deferred", false],
    ]);
    expect(decisions[1]!.decision.run).toBe(runIn(other!));
  });

  it(
    "of which one is cancelled by hand: the others are recorded, the run ends cancelled, the retry is judged",
    { timeout: 60_000 },
    async () => {
      const at = await rig.mailbox();
      const [stuck, ...others] = (await mails(3)) as [RigMail, ...RigMail[]];
      const stalled = rig.stall(stuck, "authenticate");
      const gate = gateOf(3);
      const waiting = rig.receive(at, stuck, gate, 4_000);
      const received = await together(at, others, gate);
      expect(received.map(outcomeOf)).toEqual(["delivered", "delivered"]);
      expect((await waiting).answer).toEqual({ kind: "deferred", reason: "no_answer" });
      const { workflow_id, run_id } = await placeOf(at.tenant, received[0]!.input.message);
      const handle = rig.client.workflow.getHandle(workflow_id, run_id);
      await handle.cancel();
      const end = await handle.result().catch((error: unknown) => error);
      expect(end).toBeInstanceOf(WorkflowFailedError);
      expect((end as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
      stalled.release();
      expect(outcomeOf(await rig.receive(at, stuck))).toBe("delivered");
    },
  );
});

function chargesOf(message: MessageId): unknown[] {
  using database = new DatabaseSync(rig.database, { readOnly: true });
  return database.prepare("select ledger, amount from ledger where message = ? order by ledger").all(message);
}

function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? -1 : 1;
}

describe("MB-10 DESIGN §9.2 one message that comes twice at once is decided and charged once", () => {
  /** One final decision, one charge, one entry; both were told the same. */
  async function expectOnce(at: Place, received: readonly Received[]): Promise<void> {
    const [one, ...others] = received.map(({ answer }) => answer);
    expect(one).toMatchObject({ kind: "decided", decision: { outcome: "delivered" } });
    for (const other of others) expect(other).toEqual(one);
    const { message } = received[0]!.input;
    expect(await decisionsOn(at, message)).toHaveLength(1);
    await placeOf(at.tenant, message);
    const { items } = await rig.store.run("messages.list", { ...at, view: "all", limit: 50 });
    expect(items.filter(({ id }) => id === message)).toHaveLength(1);
    const tokens = (one as Extract<Answer, { kind: "decided" }>).decision.reservations.find(({ ledger }) => ledger === "tokens")!.amount;
    expect(chargesOf(message)).toEqual([
      { ledger: "rate", amount: 1 },
      { ledger: "tokens", amount: tokens },
    ]);
  }

  it("at one gate: the second joins the run of the first, as the message alone in it", async () => {
    const at = await rig.mailbox();
    const twice = await mail();
    const stalled = rig.stall(twice, "headline");
    const gate = rig.newGate();
    const both = [rig.receive(at, twice, gate), rig.receive(at, twice, gate)];
    await stalled.reached;
    stalled.release();
    const received = await Promise.all(both);
    await expectOnce(at, received);
    expect((await placeOf(at.tenant, received[0]!.input.message)).workflow_id).toBe(inboundWorkflowId(received[0]!.input.message));
  });

  it.each([
    ["in two shared runs", () => [gateOf(2), gateOf(2)]],
    ["in a shared run and alone", () => [gateOf(2), rig.newGate()]],
  ])("at two gates, %s that both have everything but the record", async (_, gates) => {
    const at = await rig.mailbox();
    const [twice, ...others] = (await mails(3)) as [RigMail, ...RigMail[]];
    // Both judgements come to the last step before either goes on.
    const [first, second] = [rig.stall(twice, "headline"), rig.stall(twice, "headline")];
    const both = gates().flatMap((gate, index) => [rig.receive(at, twice, gate), rig.receive(at, others[index]!, gate)]);
    await Promise.all([first.reached, second.reached]);
    first.release();
    second.release();
    const received = await Promise.all(both);
    await expectOnce(
      at,
      received.filter((_each, index) => index % 2 === 0),
    );
    expect(received.map(outcomeOf)).toEqual(Array(4).fill("delivered"));
  });
});

describe("a gathering that cannot start", () => {
  it("DESIGN §3.2 is answered `busy` for each message when the server has no room (RESOURCE_EXHAUSTED)", async () => {
    const server = createServer();
    const sessions: { destroy(): void }[] = [];
    server.on("session", (session) => void sessions.push(session));
    server.on("stream", (stream) => stream.respond({ "content-type": "application/grpc", "grpc-status": "8", "grpc-message": "rps" }, { endStream: true })); // prettier-ignore
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const connection = Connection.lazy({ address: `127.0.0.1:${(server.address() as AddressInfo).port}`, interceptors: [] });
    try {
      const faults: unknown[] = [];
      const gate = gateOf(4, { client: new Client({ connection }), eager: false, onFault: (fault) => void faults.push(fault) });
      const received = await together(await rig.mailbox(), await mails(4), gate);
      expect(received.map(({ answer }) => answer)).toEqual(Array(4).fill({ kind: "deferred", reason: "busy" }));
      expect(faults).toHaveLength(4);
    } finally {
      await connection.close();
      for (const session of sessions) session.destroy();
      server.close();
    }
  });

  it("when the gate stops meanwhile, each message is answered 451 and judged when it comes again", async () => {
    const at = await rig.mailbox();
    const all = await mails(3);
    const connection = await NativeConnection.connect({ address: inject("temporalAddress") });
    const gathering = { ...GATHERING, runs: 0, waitMs: 300 };
    const gate = rig.newGate({ client: new Client({ connection }), gathering });
    const waiting = together(at, all, gate);
    await connection.close();
    expect((await waiting).map(({ answer }) => answer)).toEqual(Array(3).fill({ kind: "deferred", reason: "unavailable" }));
    expect((await together(at, all)).map(outcomeOf)).toEqual(Array(3).fill("delivered"));
  });
});

/** Every pair of so many letters once, in a text of that many letters squared and one. */
function pairsOf(letters: string): string {
  const runs = [...letters].map((one, index) => one + [...letters.slice(index + 1)].map((other) => one + other).join(""));
  return runs.join("") + letters[0];
}

/** This text in every place that is looked at. */
async function everywhere(text: string): Promise<RigMail> {
  const part = (type: string, body: string, more = "") => `--b\r\nContent-Type: ${type}\r\n${more}\r\n${body}\r\n`;
  const body = [
    part("text/plain", text),
    part("text/html", `<p>${text}</p><p style="display:none">${text}</p>`),
    part("text/plain", "x", `Content-Disposition: attachment; filename="${text}"\r\n`),
    "--b--\r\n",
  ].join("");
  const head = write({ from: BOSS, subject: text }).replace(/Content-Type: text\/plain[^]*$/, "Content-Type: multipart/mixed; boundary=b");
  return { bytes: await sign(`${head}\r\n\r\n${body}`, acme), sender: BOSS, ip: acme.ip };
}

it("DESIGN §9.8 the most findings that a full run of hostile mails can have are recorded by it", { timeout: 120_000 }, async () => {
  const text = pairsOf("abcdefghijklmnopqrstuvw");
  const pairs = [...text.slice(1)].map((letter, index) => `${text[index]}${letter}`);
  const at = await rig.mailbox(
    definePolicy({
      defaultAction: "bounce",
      senders: [
        { match: { domain: "*" }, capabilities: Array.from({ length: 100 }, (_, index) => `capability_${"x".repeat(40)}_${index}`) },
      ],
      contentGuards: pairs.slice(0, MAX_CONTENT_GUARDS).map((reject) => ({ reject, reason: "r".repeat(64), in: [...GUARDED_PLACES], action: "hold" })), // prettier-ignore
      auditLog: { retentionDays: 90, includeBodyHash: true },
    }),
  );
  const heavy = await Promise.all(Array.from({ length: GATHERING.messages }, () => everywhere(text)));
  const received = await together(at, heavy);
  expect(received.map(outcomeOf)).toEqual(heavy.map(() => "held"));
  for (const { answer } of received) {
    const found = answer.kind === "decided" ? answer.decision.findings : [];
    expect(found.filter(({ guard }) => guard === "content")).toHaveLength(MAX_CONTENT_GUARDS * GUARDED_PLACES.length);
  }
  const { workflow_id, run_id } = await placeOf(at.tenant, received[0]!.input.message);
  expect(await rig.client.workflow.getHandle(workflow_id, run_id).result()).toHaveLength(heavy.length);
});

it("X-34 whatever order the steps of many messages ended in, the histories replay", async () => {
  const at = await rig.mailbox();
  const all = await mails(24);
  for (const [index, each] of all.entries()) {
    if (index % 3 === 0) rig.failOn(each, "authenticate", temporary());
    if (index % 4 === 0) rig.failOn(each, "scan", temporary(), temporary());
    if (index % 5 === 0) rig.failOn(each, "headline", temporary());
  }
  const received = await together(at, all, gateOf(8));
  const runs = new Map(
    await Promise.all(
      received.map(async ({ input }) => {
        const { workflow_id, run_id } = await placeOf(at.tenant, input.message);
        return [run_id, workflow_id] as const;
      }),
    ),
  );
  expect(runs.size).toBe(3);
  const histories = await Promise.all(
    [...runs].map(async ([runId, workflowId]) => {
      const handle = rig.client.workflow.getHandle(workflowId, runId);
      await handle.result();
      return { workflowId, history: historyIn(historyToJSON(await handle.fetchHistory())) };
    }),
  );
  const errors: unknown[] = [];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: await workflowBundle() }, histories)) errors.push(error);
  expect(errors).toEqual([undefined, undefined, undefined]);
});
