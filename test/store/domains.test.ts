import { expect, it } from "vitest";
import type { Actor } from "../../src/model/decision.ts";
import type { TenantId } from "../../src/model/ids.ts";
import type { Store } from "../../src/store/contract.ts";
import type { DomainRow, NewDkimKey } from "../../src/store/contract-outbound.ts";
import { openRows } from "../support/postgres/rows.ts";
import { newDomain, newId, NOON } from "./samples.ts";
import { openWorld } from "./world.ts";

const ADMIN: Actor = "key:key_0123456789abcdef";
const by = () => ({ actor: ADMIN, audit_id: newId("aud"), salt: "salt" });
const newKey = (): NewDkimKey => ({ id: newId("dkm"), selector: `pst${newId("dkm").slice(4, 12)}`, public_key: "MIIB", sealed: "v1.a.b" });

const claim = (store: Store, tenant: TenantId, domain: string, at = NOON) =>
  store.run("domains.claim", { tenant, id: newId("dom"), domain, at, key: newKey(), ...by() });

async function claimed(store: Store, tenant: TenantId, domain: string): Promise<DomainRow> {
  const row = await claim(store, tenant, domain);
  if ("conflict" in row) throw new Error("conflict");
  return row;
}

/** Actions on a domain, in order, as the log has them. */
function logged(path: string, tenant: TenantId): Record<string, unknown>[] {
  const sqlite = openRows(path);
  const rows = sqlite.prepare("select leaf from audit_entries where tenant = ? and message is null order by at, rowid").all(tenant);
  sqlite.close();
  return rows.map((row) => JSON.parse((row as { leaf: string }).leaf) as Record<string, unknown>);
}

it("PB-01 MB-19 a claimed domain is unverified, has one active key, and claiming it again changes nothing", async () => {
  const { store, path, tenant } = await openWorld();
  const domain = newDomain();
  const row = await claimed(store, tenant, domain);
  expect(row).toMatchObject({ tenant, domain, state: "unverified", checked_at: null, created_at: NOON, keys: [{ state: "active" }] });
  expect(await claim(store, tenant, domain, NOON + 1)).toEqual(row);
  expect(await store.run("domains.get", { tenant, domain })).toEqual(row);
  const entries = logged(path, tenant);
  expect(entries).toMatchObject([
    { action: "domain.claim", actor: ADMIN, facts: { domain: row.id } },
    { action: "dkim.add", facts: { domain: row.id, key: row.keys[0]!.id, state: "active" } },
  ]);
  expect(JSON.stringify(entries)).not.toContain(domain);
});

it("a domain that came with a mailbox is claimed in place", async () => {
  const { store, path, tenant, mailbox } = await openWorld();
  const { address } = (await store.run("mailboxes.get", { tenant, id: mailbox }))!;
  const domain = address.slice(address.indexOf("@") + 1);
  expect(await store.run("domains.get", { tenant, domain })).toMatchObject({ state: "local", keys: [] });
  expect(await claim(store, tenant, domain)).toMatchObject({ state: "unverified", keys: [{ state: "active" }] });
  expect(logged(path, tenant).map(({ action }) => action)).toEqual(["domain.claim", "dkim.add"]);
});

it("MB-18 another tenant's domain is a conflict without detail, and is not there in any other way", async () => {
  const { store, tenant } = await openWorld();
  const { tenant: other } = await openWorld();
  const domain = newDomain();
  const row = await claimed(store, tenant, domain);
  expect(await claim(store, other, domain)).toEqual({ conflict: "domain" });
  const theirs = { tenant: other, domain, at: NOON, ...by() };
  expect(await store.run("domains.get", { tenant: other, domain })).toBeNull();
  expect(await store.run("domains.set_state", { ...theirs, state: "verified" })).toBeNull();
  expect(await store.run("dkim.add", { ...theirs, key: newKey() })).toBeNull();
  expect(await store.run("dkim.activate", { ...theirs, id: row.keys[0]!.id })).toBeNull();
  const { actor: _, ...fresh } = theirs;
  expect(await store.run("dkim.signing", { ...fresh, offer: newKey() })).toBeNull();
  expect((await store.run("domains.list", { tenant: other, limit: 10 })).items.map((item) => item.domain)).not.toContain(domain);
  expect(await store.run("domains.get", { tenant, domain })).toEqual(row);
});

it("MB-19 the state and the time DNS was looked at are kept, and only a change of state is an entry", async () => {
  const { store, path, tenant } = await openWorld();
  const domain = newDomain();
  await claimed(store, tenant, domain);
  const check = (state: "verified" | "unverified", at: number) => store.run("domains.set_state", { tenant, domain, state, at, ...by() });
  expect(await check("verified", NOON + 1)).toMatchObject({ state: "verified", checked_at: NOON + 1 });
  expect(await check("verified", NOON + 2)).toMatchObject({ state: "verified", checked_at: NOON + 2 });
  expect(await check("unverified", NOON + 3)).toEqual(await store.run("domains.get", { tenant, domain }));
  const states = logged(path, tenant).filter(({ action }) => action === "domain.state");
  expect(states).toMatchObject([{ facts: { from: "unverified", to: "verified" } }, { facts: { from: "verified", to: "unverified" } }]);
});

it("PB-01 a key is rotated: added as the next one, then active, the old one retired", async () => {
  const { store, path, tenant } = await openWorld();
  const domain = newDomain();
  const { keys } = await claimed(store, tenant, domain);
  const next = newKey();
  const add = (key: NewDkimKey) => store.run("dkim.add", { tenant, domain, key, at: NOON + 1, ...by() });
  const activate = (id: NewDkimKey["id"]) => store.run("dkim.activate", { tenant, domain, id, at: NOON + 2, ...by() });
  expect((await add(next))?.keys.map(({ id, state }) => [id, state])).toEqual([
    [next.id, "next"],
    [keys[0]!.id, "active"],
  ]);
  // One that waits is not pushed out by another.
  expect((await add(newKey()))?.keys).toHaveLength(2);
  expect(await activate(newId("dkm"))).toBeNull();
  const activated = await activate(next.id);
  expect(activated?.keys.map(({ id, state }) => [id, state])).toEqual([
    [next.id, "active"],
    [keys[0]!.id, "retired"],
  ]);
  expect(await activate(next.id)).toEqual(activated);
  // What was retired may have been given away since.
  expect(await activate(keys[0]!.id)).toBeNull();
  expect(logged(path, tenant).map(({ action }) => action)).toEqual(["domain.claim", "dkim.add", "dkim.add", "dkim.activate"]);
});

it("PB-01 of many who offer a first key at once one is kept, and all sign with it", async () => {
  const { store, path, tenant, mailbox } = await openWorld();
  const { address } = (await store.run("mailboxes.get", { tenant, id: mailbox }))!;
  const domain = address.slice(address.indexOf("@") + 1);
  const offer = () => store.run("dkim.signing", { tenant, domain, offer: newKey(), at: NOON, audit_id: newId("aud"), salt: "s" });
  const keys = await Promise.all(Array.from({ length: 20 }, offer));
  expect(new Set(keys.map((key) => key?.id)).size).toBe(1);
  expect(await store.run("domains.get", { tenant, domain })).toMatchObject({
    state: "local",
    keys: [{ id: keys[0]!.id, state: "active" }],
  });
  expect(logged(path, tenant)).toMatchObject([{ action: "dkim.add", actor: "postern" }]);
});

it("domains are listed newest first, page by page, with their keys", async () => {
  const { store, tenant } = await openWorld();
  const names = [newDomain(), newDomain(), newDomain()];
  for (const [at, domain] of names.entries()) await claim(store, tenant, domain, NOON + at + 1);
  const seen: DomainRow[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: readonly DomainRow[]; next_cursor: string | null } = await store.run("domains.list", {
      tenant,
      limit: 2,
      ...(cursor === null ? {} : { cursor }),
    });
    seen.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen.slice(0, 3).map(({ domain }) => domain)).toEqual(names.toReversed());
  expect(seen.slice(0, 3).every(({ keys }) => keys.length === 1)).toBe(true);
});
