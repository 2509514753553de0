import { expect, it } from "vitest";
import { addMailbox, newDomain, newId, NOON, PIN } from "./samples.ts";
import { openStore, openWorld } from "./world.ts";

it("PB-02 a mailbox is made with its agent, its domain and its address, and found by that address", async () => {
  const { store, tenant } = await openWorld();
  const domain = newDomain();
  const mailbox = await addMailbox(store, tenant, `agent@${domain}`);
  expect(mailbox).toEqual({
    id: mailbox.id,
    tenant,
    agent_id: "assistant",
    address: `agent@${domain}`,
    aliases: [],
    channels: [],
    oversight_mode: "gated_send",
    oversight_address: null,
    policy: null,
    created_at: NOON,
  });
  expect(await store.run("mailboxes.get", { tenant, id: mailbox.id })).toEqual(mailbox);
  expect(await store.run("mailboxes.resolve", { address: `agent@${domain}` })).toEqual({ tenant, mailbox: mailbox.id });
  expect(await store.run("mailboxes.resolve", { address: `nobody@${domain}` })).toBeNull();
});

it("PB-02 an address that is taken and another tenant's domain are conflicts that leave nothing behind", async () => {
  const { store, tenant } = await openWorld();
  const other = await openWorld();
  const domain = newDomain();
  await addMailbox(store, tenant, `agent@${domain}`);
  const wanted = { id: newId("mbx"), address_id: newId("adr"), domain_id: newId("dom"), agent_id: "a", domain, at: NOON };
  expect(await store.run("mailboxes.create", { ...wanted, tenant, address: `agent@${domain}` })).toEqual({ conflict: "address" });
  expect(await store.run("mailboxes.create", { ...wanted, tenant: other.tenant, address: `agent@${domain}` })).toEqual({
    conflict: "domain",
  });
  expect(await store.run("mailboxes.create", { ...wanted, tenant: other.tenant, address: `new@${domain}` })).toEqual({
    conflict: "domain",
  });
  expect(await store.run("mailboxes.get", { tenant: other.tenant, id: wanted.id })).toBeNull();
  expect(await store.run("mailboxes.create", { ...wanted, tenant, address: `second@${domain}` })).toMatchObject({ id: wanted.id });
});

it("of many who want one address at once one gets it", async () => {
  const { store, tenant } = await openWorld();
  const domain = newDomain();
  const make = () => ({
    id: newId("mbx"),
    address_id: newId("adr"),
    domain_id: newId("dom"),
    tenant,
    agent_id: "a",
    domain,
    at: NOON,
    address: `a@${domain}`,
  });
  const made = await Promise.all(Array.from({ length: 20 }, () => store.run("mailboxes.create", make())));
  expect(made.filter((result) => !("conflict" in result))).toHaveLength(1);
});

it("PB-03 aliases reach the mailbox, and adding one again changes nothing", async () => {
  const { store, tenant, mailbox } = await openWorld();
  const domain = newDomain();
  const alias = { tenant, mailbox, address_id: newId("adr"), domain_id: newId("dom"), address: `team@${domain}`, domain, at: NOON };
  const row = await store.run("mailboxes.add_alias", alias);
  expect(row).toMatchObject({ id: mailbox, aliases: [`team@${domain}`] });
  expect(await store.run("mailboxes.add_alias", { ...alias, address_id: newId("adr") })).toEqual(row);
  expect(await store.run("mailboxes.resolve", { address: `team@${domain}` })).toEqual({ tenant, mailbox });
  const second = await addMailbox(store, tenant, `second@${domain}`);
  expect(await store.run("mailboxes.add_alias", { ...alias, mailbox: second.id })).toEqual({ conflict: "address" });
  expect(await store.run("mailboxes.add_alias", { ...alias, mailbox: newId("mbx") })).toBeNull();
});

it("mailboxes are listed newest first, page by page, and only those a key may see", async () => {
  const { store, tenant, mailbox } = await openWorld();
  const ids = [mailbox];
  for (let count = 0; count < 4; count++) ids.push((await addMailbox(store, tenant, `m${count}@${newDomain()}`)).id);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: readonly { id: string }[]; next_cursor: string | null } = await store.run("mailboxes.list", {
      tenant,
      limit: 2,
      ...(cursor === null ? {} : { cursor }),
    });
    expect(page.items.length).toBeLessThanOrEqual(2);
    seen.push(...page.items.map((item) => item.id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen).toEqual(ids.toSorted().toReversed());
  const only = await store.run("mailboxes.list", { tenant, limit: 10, only: [ids[1]!, newId("mbx")] });
  expect(only.items.map((item) => item.id)).toEqual([ids[1]]);
  expect((await store.run("mailboxes.list", { tenant, limit: 10, only: [] })).items).toEqual([]);
});

it("the default domain is the tenant's first", async () => {
  const { store } = await openStore();
  const tenant = newId("ten");
  await store.run("tenants.create", { id: tenant, name: "default", at: NOON });
  expect(await store.run("domains.default", { tenant })).toBeNull();
  await addMailbox(store, tenant, "a@first.example");
  expect(await store.run("domains.default", { tenant })).toBe("first.example");
});

it("MB-01 a policy gets the next version and is in force at once; the same document again is no new version", async () => {
  const { store, tenant, mailbox } = await openWorld();
  expect(await store.run("policies.current", { tenant, mailbox })).toBeNull();
  const policy = { tenant, mailbox, document: "{}", at: NOON, actor: "postern" } as const;
  const first = await store.run("policies.put", { ...policy, id: newId("pol"), digest: "1" });
  expect(first).toMatchObject({ version: 1, digest: "1", created: true });
  const second = await store.run("policies.put", { ...policy, id: newId("pol"), digest: "2" });
  expect(second).toMatchObject({ version: 2, created: true });
  expect(await store.run("policies.put", { ...policy, id: newId("pol"), digest: "2" })).toEqual({ ...second, created: false });
  const { created: _, ...row } = second!;
  expect(await store.run("policies.current", { tenant, mailbox })).toEqual(row);
  expect((await store.run("mailboxes.get", { tenant, id: mailbox }))!.policy).toEqual({ id: row.id, version: 2, digest: "2" });
  expect(await store.run("policies.get", { tenant, id: first!.id })).toMatchObject({ version: 1 });
  expect(await store.run("policies.put", { ...policy, id: newId("pol"), digest: "1" })).toMatchObject({ version: 3, created: true });
  expect(await store.run("policies.put", { ...policy, mailbox: newId("mbx"), id: PIN.id, digest: "1" })).toBeNull();
});
