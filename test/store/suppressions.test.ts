import { expect, it } from "vitest";
import type { SuppressionRow } from "../../src/store/contract-outbound.ts";
import { DAY, newId, NOON } from "./samples.ts";
import { fresh, inDatabase, openOutboundWorld, suppressionOf, type OutboundWorld } from "./outbound-samples.ts";

function list(world: OutboundWorld, at: number, filter: { address?: string; limit?: number; cursor?: string } = {}) {
  return world.store.run("suppressions.list", { tenant: world.tenant, at, limit: 10, ...filter });
}

function entries(world: OutboundWorld, action: string) {
  const rows = inDatabase(world, (db) =>
    db
      .prepare("select leaf, details_json from audit_entries join audit_private on entry = id where tenant = ? order by at, id")
      .all(world.tenant),
  );
  return rows
    .map((row) => ({ leaf: String(row["leaf"]), details: String(row["details_json"]) }))
    .filter(({ leaf }) => leaf.includes(action));
}

function shown(row: SuppressionRow) {
  const { reason, expires_at, ended_at } = row;
  return { reason, expires_at, ended_at };
}

it("PB-19 a suppression is listed until its end, and its entry names the address only where that can be erased", async () => {
  const world = await openOutboundWorld();
  const bounce = suppressionOf(world.tenant, "anna@acme.example", { reason: "HardBounce", expires_at: NOON + 30 * DAY });
  const row = await world.store.run("suppressions.put", bounce);
  expect(row).toMatchObject({ id: bounce.id, address: "anna@acme.example", reason: "HardBounce", ended_at: null });
  expect(await list(world, NOON + 30 * DAY - 1)).toEqual({ items: [row], next_cursor: null });
  expect((await list(world, NOON + 30 * DAY)).items).toEqual([]);
  const [entry] = entries(world, "suppression.put");
  expect(entry!.leaf).not.toContain("anna");
  expect(entry!.details).toContain("anna@acme.example");
});

it("PB-19 an address that is suppressed already keeps the later end, with the reason for it", async () => {
  const world = await openOutboundWorld();
  const put = async (reason: SuppressionRow["reason"], expires_at: number | null) =>
    shown(await world.store.run("suppressions.put", suppressionOf(world.tenant, "anna@acme.example", { reason, expires_at })));
  expect(await put("HardBounce", NOON + 30 * DAY)).toMatchObject({ expires_at: NOON + 30 * DAY });
  expect(await put("SpamComplaint", NOON + 10 * DAY)).toMatchObject({ reason: "HardBounce", expires_at: NOON + 30 * DAY });
  expect(await put("SpamComplaint", NOON + 40 * DAY)).toMatchObject({ reason: "SpamComplaint", expires_at: NOON + 40 * DAY });
  expect(await put("manual", null)).toMatchObject({ reason: "manual", expires_at: null });
  expect(await put("HardBounce", NOON + 90 * DAY)).toMatchObject({ reason: "manual", expires_at: null });
  expect((await list(world, NOON)).items).toHaveLength(1);
});

it("PB-19 one that has run out stays as it was, and a new one begins", async () => {
  const world = await openOutboundWorld();
  const first = await world.store.run("suppressions.put", suppressionOf(world.tenant, "anna@acme.example", { expires_at: NOON + DAY }));
  const later = suppressionOf(world.tenant, "anna@acme.example", { created_at: NOON + 2 * DAY, expires_at: NOON + 3 * DAY });
  expect(await world.store.run("suppressions.put", later)).toMatchObject({ id: later.id, expires_at: NOON + 3 * DAY });
  expect((await list(world, NOON + 2 * DAY)).items.map(({ id }) => id)).toEqual([later.id]);
  const kept = inDatabase(world, (db) => db.prepare("select expires_at, ended_at from suppressions where id = ?").get(first.id));
  expect(kept).toMatchObject({ expires_at: NOON + DAY, ended_at: NOON + DAY });
});

it("PB-19 a person ends one, once, with an entry", async () => {
  const world = await openOutboundWorld();
  const { tenant } = world;
  const { id } = await world.store.run("suppressions.put", suppressionOf(tenant, "anna@acme.example"));
  const end = (at: number) => world.store.run("suppressions.end", { tenant, id, at, actor: `key:${world.approver}`, ...fresh() });
  expect(await end(NOON + 1)).toMatchObject({ id, ended_at: NOON + 1 });
  expect(await end(NOON + 2)).toMatchObject({ id, ended_at: NOON + 1 });
  expect((await list(world, NOON)).items).toEqual([]);
  expect(entries(world, "suppression.end")).toHaveLength(1);
  const unknown = { tenant, id: newId("sup"), at: NOON, actor: "postern", ...fresh() } as const;
  expect(await world.store.run("suppressions.end", unknown)).toBeNull();
});

it("the list goes newest first, page by page, or to one address", async () => {
  const world = await openOutboundWorld();
  const names = ["a", "b", "c", "d", "e"];
  for (const [index, name] of names.entries()) {
    await world.store.run("suppressions.put", suppressionOf(world.tenant, `${name}@acme.example`, { created_at: NOON + index }));
  }
  const first = await list(world, NOON, { limit: 3 });
  const rest = await list(world, NOON, { limit: 3, cursor: first.next_cursor! });
  expect([...first.items, ...rest.items].map(({ address }) => address[0])).toEqual(names.toReversed());
  expect(rest.next_cursor).toBeNull();
  expect((await list(world, NOON, { address: "c@acme.example" })).items).toHaveLength(1);
});
