import { expect, it } from "vitest";
import type { NewKey } from "../../src/store/contract.ts";
import { newId, NOON } from "./samples.ts";
import { openStore, openWorld } from "./world.ts";

it("a key is found by its hash and is revoked once and for all", async () => {
  const { store, tenant, mailbox } = await openWorld();
  const { hash, ...key }: NewKey = {
    id: newId("key"),
    tenant,
    name: "agent",
    scopes: ["read"],
    mailboxes: [mailbox],
    masked: "pst_live_…a3f",
    created_at: NOON,
    hash: newId("key"),
  };
  expect(await store.run("keys.create", { ...key, hash })).toEqual({ ...key, attest: false, revoked_at: null });
  expect(await store.run("keys.find", { hash })).toEqual({ ...key, attest: false, revoked_at: null });
  expect(await store.run("keys.find", { hash: "another" })).toBeNull();
  expect(await store.run("keys.revoke", { tenant, id: key.id, at: NOON + 1 })).toMatchObject({ revoked_at: NOON + 1 });
  expect(await store.run("keys.revoke", { tenant, id: key.id, at: NOON + 2 })).toMatchObject({ revoked_at: NOON + 1 });
  expect(await store.run("keys.find", { hash })).toMatchObject({ revoked_at: NOON + 1 });
  expect(await store.run("keys.revoke", { tenant, id: newId("key"), at: NOON })).toBeNull();
  await expect(store.run("keys.create", { ...key, hash })).rejects.toMatchObject({ code: "conflict", temporary: false });
});

it("MH-19 a key attests only where it was made to", async () => {
  const { store, tenant } = await openWorld();
  const key: NewKey = {
    id: newId("key"),
    tenant,
    name: "bridge",
    scopes: ["ingest"],
    mailboxes: null,
    masked: "…",
    created_at: NOON,
    hash: "h",
  };
  expect(await store.run("keys.create", { ...key, attest: true })).toMatchObject({ attest: true });
  expect(await store.run("keys.find", { hash: "h" })).toMatchObject({ attest: true });
});

it("two starts agree on one secret", async () => {
  const { store } = await openStore();
  expect(await store.run("secrets.get", { name: "grant" })).toBeNull();
  const put = await Promise.all(["a", "b"].map((sealed) => store.run("secrets.put", { name: "grant", sealed })));
  expect(put[0]).toBe(put[1]);
  expect(await store.run("secrets.get", { name: "grant" })).toBe(put[0]);
});

it("the first tenant is the oldest, and a name is used once", async () => {
  const { store } = await openStore();
  expect(await store.run("tenants.first", {})).toBeNull();
  const [first, second] = [newId("ten"), newId("ten")];
  await store.run("tenants.create", { id: first, name: "default", at: NOON });
  await store.run("tenants.create", { id: second, name: "second", at: NOON - 1 });
  expect(await store.run("tenants.create", { id: newId("ten"), name: "default", at: NOON })).toEqual({ conflict: "name" });
  expect(await store.run("tenants.first", {})).toEqual({ id: second, name: "second", created_at: NOON - 1 });
});
