import { expect, it } from "vitest";
import type { Store } from "../../../src/store/contract.ts";
import { inServer, urlOf } from "../../support/postgres/database.ts";
import { openRows, type Rows } from "../../support/postgres/rows.ts";
import { addTenant, newDomain, newId, NOON, proposalOf } from "../samples.ts";
import { openDatabase, openPool } from "./world.ts";

async function openAll(): Promise<{ readonly store: Store; readonly rows: Rows; readonly url: string }> {
  const { url, target } = await openDatabase();
  return { store: await openPool(target), rows: openRows(url), url };
}

const OTHERS = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

it("connections that were cut fail what was on them as temporary, and the next call makes new ones", async () => {
  const { store, rows } = await openAll();
  const place = await addTenant(store, newDomain());
  const proposals = Array.from({ length: 100 }, () => proposalOf(place));
  const fates = proposals.map((proposal) =>
    store.run("inbound.decide", proposal).then(
      () => "decided",
      (error: unknown) => error,
    ),
  );
  await Promise.race(fates);
  rows.prepare(`select pg_terminate_backend(pid) ${OTHERS}`).all();
  for (const fate of await Promise.all(fates)) {
    if (fate !== "decided") expect(fate).toMatchObject({ code: "unavailable", temporary: true });
  }
  // Who was told nothing asks again, as after a crash; nobody is decided twice.
  await Promise.all(proposals.map((proposal) => store.run("inbound.decide", proposal)));
  const delivered = await store.run("messages.delivered_after", { ...place, after: 0, limit: 500 });
  expect(delivered.map(({ delivery_seq }) => delivery_seq)).toEqual(proposals.map((_, index) => index + 1));
});

it("a database that takes no connections any more is temporarily unavailable, and its password is in no error", async () => {
  const { store, url } = await openAll();
  const { password, pathname } = new URL(url);
  const name = pathname.slice(1);
  const server = urlOf(url, "postgres");
  await inServer(server, `alter database ${name} allow_connections false`);
  await inServer(server, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
  const failure = await store.run("store.ping", {}).catch((error: unknown) => error as Error);
  expect(failure).toMatchObject({ code: "unavailable", temporary: true });
  expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain(password);
  await inServer(server, `alter database ${name} allow_connections true`);
  await expect.poll(() => store.run("store.ping", {}).catch(() => null), { timeout: 10_000 }).toEqual({ ok: true });
});

it("a lock that somebody keeps is waited for and then temporary", async () => {
  const { store, rows } = await openAll();
  rows.exec("begin; lock table secrets in access exclusive mode");
  await expect(store.run("secrets.get", { name: "a" })).rejects.toMatchObject({ code: "unavailable", temporary: true });
  rows.exec("rollback");
  expect(await store.run("secrets.get", { name: "a" })).toBeNull();
});

it("what is there already is a conflict whose detail names the constraint, and no value", async () => {
  const { store } = await openAll();
  const { tenant } = await addTenant(store, newDomain());
  const key = { id: newId("key"), tenant, name: "k", scopes: [], mailboxes: null, masked: "", created_at: NOON, hash: "the-hash" };
  await store.run("keys.create", key);
  const failure = await store.run("keys.create", { ...key, id: newId("key") }).catch((error: unknown) => error as Error);
  expect(failure).toMatchObject({ code: "conflict", detail: expect.stringContaining("keys_hash_key") });
  expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain("the-hash");
});

it("a column that newer code adds meanwhile stops nobody: neither who reads whole rows nor who changes them, on any connection", async () => {
  const { store, rows } = await openAll();
  const place = await addTenant(store, newDomain());
  const proposals = Array.from({ length: 20 }, () => proposalOf(place));
  await Promise.all(proposals.map((proposal) => store.run("inbound.decide", proposal)));
  const ids = proposals.map(({ input }) => input.message);
  const readAll = () => Promise.all(ids.map((id) => store.run("messages.get", { tenant: place.tenant, id, view: "agent" })));
  const settleAll = (tokens_consumed: number) =>
    Promise.all(ids.map((id) => store.run("messages.settle", { tenant: place.tenant, id, tokens_consumed, at: NOON })));
  const [before] = [await readAll(), await settleAll(1)];
  rows.exec("alter table messages add column later integer");
  expect(await readAll()).toEqual(before.map((row) => ({ ...row, tokens_consumed: 1 })));
  expect((await settleAll(2)).map((row) => row?.tokens_consumed)).toEqual(ids.map(() => 2));
});

it("text that PostgreSQL cannot hold is kept with a mark in its place, and found again", async () => {
  const { store } = await openAll();
  expect(await store.run("secrets.put", { name: "a\0b\ud800", sealed: "x\0y" })).toBe("x\ufffdy");
  expect(await store.run("secrets.get", { name: "a\0b\ud800" })).toBe("x\ufffdy");
});

it("a number that is beyond what is counted with is a fault, never rounded", async () => {
  const { store, rows } = await openAll();
  const { tenant, mailbox } = await addTenant(store, newDomain());
  rows.exec("update mailboxes set created_at = 9007199254740993");
  await expect(store.run("mailboxes.get", { tenant, id: mailbox })).rejects.toMatchObject({ code: "internal", temporary: false });
  rows.exec("update mailboxes set created_at = 9007199254740991");
  expect(await store.run("mailboxes.get", { tenant, id: mailbox })).toMatchObject({ created_at: 9_007_199_254_740_991 });
});

it("DESIGN §9.2 a commit waits for the disk, whatever the database's default says", async () => {
  const { url, target } = await openDatabase();
  await inServer(url, `alter database ${target.database} set synchronous_commit = off`);
  const rows = openRows(url);
  // Fires inside every write that makes a secret, and tells of its session.
  rows.exec(`create function tell() returns trigger language plpgsql as
    $$ begin new.sealed = current_setting('synchronous_commit') || ' ' || current_setting('transaction_isolation'); return new; end $$`);
  rows.exec("create trigger tell before insert on secrets for each row execute function tell()");
  const store = await openPool(target);
  expect(await store.run("secrets.put", { name: "a", sealed: "" })).toBe("on serializable");
});

it("a store that is closed refuses, and carries out what was asked before", async () => {
  const { store } = await openAll();
  const place = await addTenant(store, newDomain());
  const before = Array.from({ length: 20 }, () => store.run("inbound.decide", proposalOf(place)));
  await store.close();
  for (const { outcome } of await Promise.all(before)) expect(outcome).toBe("delivered");
  await expect(store.run("store.ping", {})).rejects.toMatchObject({ code: "unavailable" });
});
