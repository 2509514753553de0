import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MailboxId } from "../../src/model/ids.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let box: { id: MailboxId };
beforeAll(async () => {
  rig = await startRig();
  box = await rig.mailbox();
});
afterAll(() => rig.stop());

const decisionsOf = async (message: string, mailbox: string = box.id) =>
  (await rig.call("GET", `/v1/mailboxes/${mailbox}/decisions?message_id=${message}`)).body.items as {
    id: string;
    stage: string;
    outcome: string;
  }[];

describe("decisions", () => {
  it("MB-10 one final decision per message, with reason, rule and policy pin", async () => {
    const id = await rig.message({ mailbox: box.id, outcome: "rejected_at_content_guard" });
    const items = await decisionsOf(id);
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      message_id: id,
      mailbox_id: box.id,
      stage: "inbound",
      final: true,
      outcome: "rejected_at_content_guard",
      reason: "test_reason",
      judged_at: "content_guards",
      rule_index: 0,
      policy: { version: 0 },
      findings: [{ guard: "content", code: "pattern", severity: 3, where: "text", rule_index: 0 }],
      actor: "postern",
      at: "2026-11-21T10:00:00.000Z",
    });
  });

  it("are filtered by message, thread and outcome; a filter that is no id is a 422", async () => {
    const { id: mailbox } = await rig.mailbox();
    const delivered = await rig.message({ mailbox });
    await rig.message({ mailbox, outcome: "held" });
    const { body: message } = await rig.call("GET", `/v1/messages/${delivered}`);
    const list = async (query: string) => (await rig.call("GET", `/v1/mailboxes/${mailbox}/decisions?${query}`)).body;
    expect((await list("")).items).toHaveLength(2);
    expect((await list(`thread_id=${message.thread_id}`)).items).toHaveLength(1);
    expect((await list("outcome=held")).items).toMatchObject([{ outcome: "held" }]);
    expect(await list("message_id=nonsense")).toMatchObject({ status: 422, code: "invalid_request" });
    expect(await list("outcome=nonsense")).toMatchObject({ status: 422 });
  });
});

describe("X-32 explain", () => {
  it("one call gives every step with input, rule and cost, the receipts and the audit entries", async () => {
    const { id: mailbox } = await rig.mailbox();
    const policy = {
      defaultAction: "bounce",
      senders: [
        {
          match: { address: "boss@acme.example" },
          capabilities: ["read_calendar"],
          rateLimit: { perHour: 1000 },
          tokenBudget: { perThread: 10_000 },
        },
      ],
      auditLog: { retentionDays: 90, includeBodyHash: true },
    };
    const put = await rig.call("PUT", `/v1/mailboxes/${mailbox}/policy`, { body: policy });
    const message = await rig.message({ mailbox });
    const reply = {
      peer: "192.0.2.1",
      helo: "mx",
      sender: "boss@acme.example",
      recipient: "assistant@acme.example",
      reply: "250 2.0.0 ok",
    };
    await rig.store.run("receipts.add", { id: "rcp_0000000000000001", tenant: rig.tenant, message, ...reply, at: rig.now });
    const [decision] = await decisionsOf(message, mailbox);
    const { status, body } = await rig.call("GET", `/v1/decisions/${decision?.id}/explain`);
    expect(status).toBe(200);
    expect(body.decision).toMatchObject({ id: decision?.id, outcome: "delivered" });
    expect(body.policy).toEqual({ id: put.body.id, version: 1, digest: put.body.digest, default_action: "bounce" });
    expect(body.steps.map((step: { step: string; result: string }) => [step.step, step.result])).toEqual([
      ["sender_match", "passed"],
      ["verification", "passed"],
      ["loop", "passed"],
      ["content_guards", "passed"],
      ["rate_limit", "passed"],
      ["token_budget", "passed"],
    ]);
    const [match, , , , rate, tokens] = body.steps;
    expect(match).toMatchObject({
      input: { identity: { address: "boss@acme.example" } },
      rule: { index: 0, match: { address: "boss@acme.example" } },
    });
    expect(rate).toMatchObject({ rule: { rate_limit: { perHour: 1000 } }, cost: [{ ledger: "rate", scope: "sender", amount: 1 }] });
    expect(tokens.cost.length).toBeGreaterThan(0);
    for (const cost of tokens.cost) expect(cost).toMatchObject({ ledger: "tokens", amount: 120 });
    expect(body.receipts).toEqual([{ at: "2026-11-21T10:00:00.000Z", ...reply }]);
    expect(body.audit).toHaveLength(1);
    expect(body.audit[0]).toMatchObject({
      leaf: expect.stringContaining(decision?.id ?? "?") as string,
      leaf_hash: expect.any(String) as string,
    });
  });

  it("says which step decided and which were never reached", async () => {
    const message = await rig.message({ mailbox: box.id, outcome: "rejected_at_content_guard" });
    const [decision] = await decisionsOf(message);
    const { body } = await rig.call("GET", `/v1/decisions/${decision?.id}/explain`);
    const results = body.steps.map((step: { result: string }) => step.result);
    expect(results).toEqual(["passed", "passed", "passed", "decided", "not_reached", "not_reached"]);
    expect(body.steps[3].findings).toHaveLength(1);
  });

  it("an unknown decision is a 404", async () => {
    for (const id of ["dec_3m5p7r9t1v3x5z7b9d1f3h5k", "x"]) expect((await rig.call("GET", `/v1/decisions/${id}/explain`)).status).toBe(404);
  });
});

describe("release and discard", () => {
  it.each([
    ["release", "delivered", "released_by_person"],
    ["discard", "discarded", "discarded_by_person"],
  ])("%s ends a hold by a second decision that names the person's key; once only", async (action, outcome, reason) => {
    const id = await rig.message({ mailbox: box.id, outcome: "held" });
    const [held] = await decisionsOf(id);
    const answer = await rig.call("POST", `/v1/messages/${id}/${action}`, { body: { note: "looked at it" } });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      stage: "release",
      outcome,
      reason,
      supersedes: held?.id,
      actor: expect.stringMatching(/^key:key_/) as string,
    });
    expect((await rig.call("POST", `/v1/messages/${id}/${action}`)).body).toMatchObject({ status: 409, code: "already_decided" });
    expect(await decisionsOf(id)).toHaveLength(2);
  });

  it("the note may be left out, with or without a body", async () => {
    const [one, two] = [
      await rig.message({ mailbox: box.id, outcome: "quarantined" }),
      await rig.message({ mailbox: box.id, outcome: "held" }),
    ];
    expect((await rig.call("POST", `/v1/messages/${one}/release`)).status).toBe(200);
    expect((await rig.call("POST", `/v1/messages/${two}/release`, { body: {} })).status).toBe(200);
    expect((await rig.call("POST", `/v1/messages/${two}/release`, { body: { note: "x".repeat(501) } })).status).toBe(422);
  });

  it("a released message reaches the agent with a grant of its capabilities", async () => {
    const id = await rig.message({ mailbox: box.id, outcome: "held", capabilities: ["read_calendar"] });
    const key = await rig.key(["read"], [box.id]);
    expect((await rig.call("GET", `/v1/messages/${id}`, { key })).status).toBe(404);
    await rig.call("POST", `/v1/messages/${id}/release`);
    const { body } = await rig.call("GET", `/v1/messages/${id}`, { key });
    expect(body).toMatchObject({ outcome: "delivered", capabilities: ["read_calendar"], grant: expect.any(String) as string });
  });

  it("delivered mail does not wait for anybody", async () => {
    const id = await rig.message({ mailbox: box.id });
    expect((await rig.call("POST", `/v1/messages/${id}/discard`)).body).toMatchObject({ status: 409, code: "already_decided" });
  });
});
