import { expect, it } from "vitest";
import type { AuditAction } from "../../src/audit/actions.ts";
import type { AuditQuestion } from "../../src/store/contract.ts";
import { openRows } from "../support/postgres/rows.ts";
import { addMailbox, DAY, MINUTE, newId, NOON, proposalOf } from "./samples.ts";
import { openWorld, type World } from "./world.ts";

async function note({ store, tenant, mailbox }: World, action: AuditAction, at: number, actor: `key:${string}` = "key:key_gone") {
  const id = newId("aud");
  const entry = { id, tenant, at, action, actor, message: null, mailbox, facts: {}, details: { ip: "192.0.2.9" } } as const;
  await store.run("audit.append", { ...entry, salt: "salt", retentionDays: 1 });
  return id;
}

async function idsOf({ store, tenant }: World, question: Partial<AuditQuestion> = {}, limit = 50) {
  const { items } = await store.run("audit.list", { tenant, ...question, limit });
  return items.map(({ id }) => id);
}

it("MM-17 the record is read newest first, page by page, and no further than one tenant", async () => {
  const [world, other] = [await openWorld(), await openWorld()];
  const ids = [];
  for (const minute of [0, 1, 1, 2]) ids.push(await note(world, "capability.denied", NOON + minute * MINUTE));
  await note(other, "capability.denied", NOON);
  const seen: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await world.store.run("audit.list", { tenant: world.tenant, limit: 1, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  }
  const [first, ...rest] = ids;
  expect(seen).toEqual([rest[2], ...[rest[0]!, rest[1]!].toSorted().reverse(), first]);
});

it("is looked up by mailbox, by kind and by time", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const decided = proposalOf(world);
  await store.run("inbound.decide", decided);
  const elsewhere = { ...world, mailbox: (await addMailbox(store, tenant, `b@${newId("dom").slice(4)}.example`)).id };
  const denied = await note(world, "capability.denied", NOON + 2 * MINUTE);
  const far = await note(elsewhere, "capability.denied", NOON + 3 * MINUTE);
  const sent = await note(elsewhere, "email.sent", NOON + 4 * MINUTE);
  expect(await idsOf(world, { mailbox: world.mailbox })).toEqual([denied, decided.audit_id]);
  expect(await idsOf(world, { action: "capability.denied" })).toEqual([far, denied]);
  expect(await idsOf(world, { action: "decision" })).toEqual([decided.audit_id]);
  expect(await idsOf(world, { action: "capability.denied", mailbox: elsewhere.mailbox })).toEqual([far]);
  expect(await idsOf(world, { since: NOON + 3 * MINUTE })).toEqual([sent, far]);
  expect(await idsOf(world, { since: NOON + 2 * MINUTE, until: NOON + 4 * MINUTE })).toEqual([far, denied]);
});

it("MM-17 an entry says who did it, a key by what may be shown of it, and its private part only while that is kept", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const key = newId("key");
  await store.run("keys.create", {
    ...{ id: key, tenant, name: "ann", scopes: ["admin"], mailboxes: null, masked: "pst_live_…a3f", created_at: NOON, hash: key },
  });
  await note(world, "email.approved", NOON - 5_000 * DAY, `key:${key}`);
  await note(world, "email.rejected", NOON - 5_001 * DAY);
  const list = async () => (await store.run("audit.list", { tenant, limit: 2 })).items;
  expect(await list()).toMatchObject([
    { action: "email.approved", actor: `key:${key}`, key: "pst_live_…a3f", mailbox: world.mailbox, details: { ip: "192.0.2.9" } },
    { action: "email.rejected", actor: "key:key_gone", key: null, details: { ip: "192.0.2.9" } },
  ]);
  await store.run("audit.erase_expired", { now: NOON - 4_000 * DAY, limit: 1000 });
  expect((await list()).map(({ details }) => details)).toEqual([null, null]);
});

it("what finds an entry is what its leaf says, and as unchangeable", async () => {
  const world = await openWorld();
  await world.store.run("inbound.decide", proposalOf(world));
  await note(world, "capability.denied", NOON);
  for (const { leaf, mailbox, action } of (await world.store.run("audit.list", { tenant: world.tenant, limit: 9 })).items) {
    expect(JSON.parse(leaf)).toMatchObject({ mailbox, action });
  }
  using rows = openRows(world.path);
  expect(() => rows.prepare("update audit_entries set action = '' where tenant = ?").run(world.tenant)).toThrow("only appended");
});
