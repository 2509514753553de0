import { expect, it } from "vitest";
import { INBOUND_OUTCOMES } from "../../src/model/decision.ts";
import { inboundWorkflowId } from "../../src/model/ids.ts";
import { openRows } from "../support/postgres/rows.ts";
import { endHeld } from "./hold-samples.ts";
import { again, NOON, proposalOf } from "./samples.ts";
import { openWorld } from "./world.ts";

it("a delivered message has one row, one decision, one audit entry and the next place in its mailbox", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  const proposal = proposalOf(world, { headline: { rfc_message_id: "1@acme.example" } });
  const decision = await store.run("inbound.decide", proposal);
  expect(decision).toEqual({
    id: proposal.decision_id,
    message: proposal.input.message,
    run: proposal.trace.run_id,
    direction: "inbound",
    stage: "inbound",
    outcome: "delivered",
    reason: "sender_rule",
    judged_at: "admitted",
    rule_index: 0,
    policy: proposal.policy,
    findings: [],
    verification: proposal.facts!.verification,
    capabilities: ["read_calendar"],
    reservations: [
      { ledger: "rate", scope: "sender", amount: 1 },
      { ledger: "tokens", scope: "thread", amount: 100 },
      { ledger: "tokens", scope: "sender", amount: 100 },
    ],
    supersedes: null,
    at: "2026-11-21T12:00:00.000Z",
    actor: "postern",
  });
  expect(await store.run("messages.get", { tenant, id: decision.message, view: "agent" })).toEqual({
    id: decision.message,
    tenant,
    mailbox,
    direction: "inbound",
    source: "smtp",
    injection_score: null,
    thread: proposal.facts!.thread,
    outcome: "delivered",
    digest: proposal.input.ref.digest,
    size: 1234,
    from: "boss@acme.example",
    verified: true,
    envelope_sender: "bounce@acme.example",
    recipient: "assistant@acme.example",
    subject: "meeting",
    rfc_message_id: "1@acme.example",
    automatic: false,
    facts: proposal.facts,
    capabilities: ["read_calendar"],
    tokens_reserved: 100,
    tokens_consumed: null,
    received_at: NOON,
    delivery_seq: 1,
    draft: null,
  });
  expect(await store.run("decisions.get", { tenant, id: decision.id })).toEqual({
    decision,
    mailbox,
    thread: proposal.facts!.thread,
    body_sha256: "b".repeat(64),
    final: true,
  });
  expect(await store.run("audit.of_message", { tenant, message: decision.message })).toHaveLength(1);
});

it("PB-04 every final outcome leaves one message row, and only delivered ones are in the order of delivery", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  for (const outcome of INBOUND_OUTCOMES.filter((name) => name !== "deferred")) {
    const decision = await store.run("inbound.decide", proposalOf(world, { proposal: { outcome } }));
    const row = await store.run("messages.get", { tenant, id: decision.message, view: "all" });
    expect(row).toMatchObject({ outcome, delivery_seq: outcome === "delivered" ? 1 : null });
  }
  expect((await store.run("messages.list", { tenant, mailbox, view: "all", limit: 50 })).items).toHaveLength(INBOUND_OUTCOMES.length - 1);
  expect((await store.run("messages.list", { tenant, mailbox, view: "agent", limit: 50 })).items).toHaveLength(1);
});

it("a message judged many times at once has one final decision, and everybody is told that one", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const proposal = proposalOf(world);
  const decisions = await Promise.all(
    Array.from({ length: 20 }, (_, index) => store.run("inbound.decide", again(proposal, { run: `run-${index}` }))),
  );
  for (const decision of decisions) expect(decision).toEqual(decisions[0]);
  const message = proposal.input.message;
  expect(await store.run("decisions.final", { message, stage: "inbound" })).toEqual(decisions[0]);
  expect(await store.run("audit.of_message", { tenant, message })).toHaveLength(1);
  expect((await store.run("messages.delivered_after", { tenant, mailbox: world.mailbox, after: 0, limit: 10 })).length).toBe(1);
});

it("the database itself refuses a second final decision for a message and stage", async () => {
  const world = await openWorld();
  const decision = await world.store.run("inbound.decide", proposalOf(world));
  const connection = openRows(world.path);
  const copy = connection.prepare(
    `insert into decisions select 'dec_copy', tenant, mailbox, message, thread, 'another run', stage, outcome, is_final, body_sha256, at, decision_json, round
     from decisions where id = ?`,
  );
  expect(() => copy.run(decision.id)).toThrow(
    /UNIQUE constraint failed: decisions.message, decisions.stage|unique constraint "decisions_final"/,
  );
  connection.close();
});

it("a message deferred for DNS leaves a decision of that run only, and the activity repeated answers the same", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  const proposal = proposalOf(world, {
    proposal: { outcome: "deferred", reason: "dns_unavailable", facts: null, judged_at: "verification" },
  });
  const deferral = await store.run("inbound.decide", proposal);
  expect(deferral).toMatchObject({ outcome: "deferred", reason: "dns_unavailable", verification: null });
  expect(await store.run("inbound.decide", again(proposal))).toEqual(deferral);
  expect(await store.run("decisions.of_run", { message: proposal.input.message, run: "another" })).toBeNull();
  const list = await store.run("decisions.list", { tenant, mailbox, limit: 10 });
  expect(list.items).toEqual([{ decision: deferral, mailbox, thread: null, body_sha256: null, final: false }]);
});

it("a message cannot be admitted without facts, nor into another tenant's mailbox", async () => {
  const world = await openWorld();
  const other = await openWorld();
  const unverified = proposalOf(world, { proposal: { facts: null } });
  await expect(world.store.run("inbound.decide", unverified)).rejects.toMatchObject({ code: "internal", temporary: false });
  const crossed = proposalOf({ tenant: world.tenant, mailbox: other.mailbox });
  await expect(world.store.run("inbound.decide", crossed)).rejects.toMatchObject({ code: "internal" });
  expect(await world.store.run("decisions.final", { message: crossed.input.message, stage: "inbound" })).toBeNull();
});

it("hostile text in header fields is stored and given back as it is", async () => {
  const world = await openWorld();
  const subject = `'; drop table messages; -- \u{1f600} \u202e "\\`;
  const proposal = proposalOf(world, { headline: { subject } });
  await world.store.run("inbound.decide", proposal);
  const row = await world.store.run("messages.get", { tenant: world.tenant, id: proposal.input.message, view: "all" });
  expect(row).toMatchObject({ subject, facts: proposal.facts });
});

it("places in the order of delivery are given without gaps, also to what a person releases", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  const held = proposalOf(world, { proposal: { outcome: "held", reason: "guard_error" } });
  await store.run("inbound.decide", held);
  await Promise.all(Array.from({ length: 5 }, () => store.run("inbound.decide", proposalOf(world))));
  await endHeld(world, held);
  const rows = await store.run("messages.delivered_after", { tenant, mailbox, after: 2, limit: 10 });
  expect(rows.map((row) => row.delivery_seq)).toEqual([3, 4, 5, 6]);
  expect(rows.at(-1)!.id).toBe(held.input.message);
});

it("the workflow that decided can be found from the audit entry", async () => {
  const world = await openWorld();
  const proposal = proposalOf(world);
  const trace = { workflow_id: inboundWorkflowId(proposal.input.message), run_id: "a-run", activity_id: "3" };
  await world.store.run("inbound.decide", { ...proposal, trace });
  const [entry] = await world.store.run("audit.of_message", { tenant: world.tenant, message: proposal.input.message });
  expect(JSON.parse(entry!.leaf)).toMatchObject(trace);
});
