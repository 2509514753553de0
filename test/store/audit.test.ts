import { createHash, createHmac } from "node:crypto";
import { expect, it } from "vitest";
import type { NewAuditEntry } from "../../src/store/contract.ts";
import { openRows } from "../support/postgres/rows.ts";
import { DAY, newId, NOON, proposalOf } from "./samples.ts";
import { openWorld, type World } from "./world.ts";

async function entryOf(world: World, proposal = proposalOf(world)) {
  await world.store.run("inbound.decide", proposal);
  const entries = await world.store.run("audit.of_message", { tenant: world.tenant, message: proposal.input.message });
  expect(entries).toHaveLength(1);
  return { proposal, entry: entries[0]!, leaf: JSON.parse(entries[0]!.leaf) as Record<string, unknown> };
}

it("MB-10 the leaf says what was decided, where and why, and its hash is that of its bytes", async () => {
  const world = await openWorld();
  const { proposal, entry, leaf } = await entryOf(world);
  expect(leaf).toMatchObject({
    v: 1,
    id: proposal.audit_id,
    tenant: world.tenant,
    mailbox: world.mailbox,
    message: proposal.input.message,
    action: "decision",
    decision: proposal.decision_id,
    stage: "inbound",
    outcome: "delivered",
    reason: "sender_rule",
    rule_index: 0,
    policy: proposal.policy,
    capabilities: ["read_calendar"],
    ...proposal.trace,
  });
  expect(entry.leaf_hash).toBe(createHash("sha256").update(entry.leaf).digest("hex"));
  expect(Object.keys(leaf)).toEqual(Object.keys(leaf).toSorted());
});

it("MB-05 the leaf carries what verification found", async () => {
  const world = await openWorld();
  const { proposal, leaf } = await entryOf(world);
  expect(leaf["verification"]).toEqual(proposal.facts!.verification);
});

it("addresses stand in the leaf as HMACs under the entry's own salt, and in clear beside it", async () => {
  const world = await openWorld();
  const { proposal, entry, leaf } = await entryOf(world);
  const hmac = (text: string) => createHmac("sha256", proposal.salt).update(text).digest("hex");
  expect(leaf["hmac"]).toEqual({
    from: hmac("boss@acme.example"),
    envelope_sender: hmac("bounce@acme.example"),
    recipient: hmac("assistant@acme.example"),
    ip: hmac("192.0.2.1"),
  });
  for (const secret of ["@", "192.0.2.1", "meeting", proposal.salt]) expect(entry.leaf).not.toContain(secret);
  expect(entry.details).toEqual({ envelope: proposal.input.envelope, from: "boss@acme.example", subject: "meeting" });
});

it("MB-11 the hash of the body is in row and leaf only where the policy asks for it", async () => {
  const world = await openWorld();
  for (const includeBodyHash of [true, false]) {
    const wanted = includeBodyHash ? "b".repeat(64) : null;
    const proposal = proposalOf(world, { proposal: { audit: { retentionDays: 1, includeBodyHash } } });
    const { leaf } = await entryOf(world, proposal);
    expect(leaf["body_sha256"]).toBe(wanted);
    const row = await world.store.run("decisions.get", { tenant: world.tenant, id: proposal.decision_id });
    expect(row!.body_sha256).toBe(wanted);
  }
});

it("findings are in the leaf by guard and code, without the hash of the text they saw", async () => {
  const world = await openWorld();
  const span = { offset: 0, length: 4, sha256: "f".repeat(64) };
  const findings = [{ guard: "hidden", code: "zero_width", severity: 2, where: "hidden", span } as const];
  const { entry, leaf } = await entryOf(world, proposalOf(world, { proposal: { findings } }));
  expect(leaf["findings"]).toEqual([{ guard: "hidden", code: "zero_width", severity: 2, where: "hidden" }]);
  expect(entry.leaf).not.toContain(span.sha256);
});

it("a reason that is not well-formed Unicode cannot stop the log", async () => {
  const world = await openWorld();
  const { leaf } = await entryOf(world, proposalOf(world, { proposal: { reason: "half \ud800" } }));
  expect(leaf["reason"]).toBe("half \ufffd");
});

it("entries can be neither changed nor removed, private details can", async () => {
  const world = await openWorld();
  const { entry } = await entryOf(world);
  const connection = openRows(world.path);
  expect(() => connection.prepare("update audit_entries set leaf = '{}' where id = ?").run(entry.id)).toThrow("only appended");
  expect(() => connection.prepare("delete from audit_entries where id = ?").run(entry.id)).toThrow("only appended");
  // Each engine's own way around a delete.
  const around = world.path.startsWith("postgres:")
    ? "truncate audit_entries cascade"
    : "replace into audit_entries select * from audit_entries";
  expect(() => connection.exec(around)).toThrow("only appended");
  expect(connection.prepare("delete from audit_private where entry = ?").run(entry.id).changes).toBe(1);
  connection.close();
});

it("MB-10 private details are erased when their days are over; the entry and its hash stay", async () => {
  const world = await openWorld();
  const { proposal, entry } = await entryOf(world, proposalOf(world, { proposal: { audit: { retentionDays: 7, includeBodyHash: true } } }));
  const find = () => world.store.run("audit.of_message", { tenant: world.tenant, message: proposal.input.message });
  await world.store.run("audit.erase_expired", { now: NOON + 7 * DAY - 1, limit: 1000 });
  expect(await find()).toEqual([entry]);
  expect(await world.store.run("audit.erase_expired", { now: NOON + 7 * DAY, limit: 1000 })).toBeGreaterThan(0);
  expect(await find()).toEqual([{ ...entry, details: null }]);
});

it("MB-10 with the details of refused mail go the traces in its row and receipts; delivered mail keeps its row", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const refused = proposalOf(world, { proposal: { outcome: "rejected_at_policy", audit: { retentionDays: 1, includeBodyHash: false } } });
  const delivered = proposalOf(world, { proposal: { audit: { retentionDays: 1, includeBodyHash: false } } });
  for (const proposal of [refused, delivered]) {
    await store.run("inbound.decide", proposal);
    const { ip: peer, helo, sender, recipient } = proposal.input.envelope;
    await store.run("receipts.add", {
      id: newId("rcp"),
      tenant,
      message: proposal.input.message,
      peer,
      helo,
      sender,
      recipient,
      reply: "250 ok",
      at: NOON,
    });
  }
  await store.run("audit.erase_expired", { now: NOON + DAY, limit: 1000 });
  const row = await store.run("messages.get", { tenant, id: refused.input.message, view: "all" });
  expect(row).toMatchObject({ outcome: "rejected_at_policy", digest: refused.input.ref.digest, from: null, subject: "", facts: null });
  expect(JSON.stringify(row)).not.toContain("@");
  expect(await store.run("receipts.list", { tenant, message: refused.input.message })).toEqual([]);
  expect(await store.run("receipts.list", { tenant, message: delivered.input.message })).toHaveLength(1);
  expect(await store.run("messages.get", { tenant, id: delivered.input.message, view: "all" })).toMatchObject({
    from: "boss@acme.example",
  });
});

it("no more is erased at once than asked for", async () => {
  const world = await openWorld();
  for (let count = 0; count < 3; count++) {
    await world.store.run("inbound.decide", proposalOf(world, { at: NOON - 5000 * DAY }));
  }
  const erase = (limit: number) => world.store.run("audit.erase_expired", { now: NOON - 4000 * DAY, limit });
  expect([await erase(2), await erase(2), await erase(2)]).toEqual([2, 1, 0]);
});

it("MB-06 an entry that stands alone is appended once, however often it is sent", async () => {
  const world = await openWorld();
  const message = newId("msg");
  const entry: NewAuditEntry = {
    id: newId("aud"),
    tenant: world.tenant,
    at: NOON,
    action: "capability.denied",
    actor: "key:key_0000000000000000",
    message,
    mailbox: world.mailbox,
    facts: { capability: "confirm_meeting" },
    details: { ip: "192.0.2.9" },
    salt: "salt",
    retentionDays: 30,
  };
  await world.store.run("audit.append", entry);
  await world.store.run("audit.append", entry);
  const entries = await world.store.run("audit.of_message", { tenant: world.tenant, message });
  expect(entries).toHaveLength(1);
  expect(JSON.parse(entries[0]!.leaf)).toMatchObject({ action: "capability.denied", facts: { capability: "confirm_meeting" } });
  expect(entries[0]).toMatchObject({ details: { ip: "192.0.2.9" } });
  expect(entries[0]!.leaf).not.toContain("192.0.2.9");
});
