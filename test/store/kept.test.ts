import { describe, expect, it } from "vitest";
import type { DraftId } from "../../src/model/ids.ts";
import { Kept, questionOf } from "../../src/store/sqlite/kept.ts";
import { fresh, inDatabase, letterOf, openAutonomous, screen, to } from "./outbound-samples.ts";
import { newDomain, newId, NOON } from "./samples.ts";
import { openWorld } from "./world.ts";

describe("a result that is kept", () => {
  it("is what was found, until its key moves", async () => {
    const kept = new Kept();
    let found = 0;
    const read = (key: string) => kept.read(key, "what", async () => ({ found: ++found }));
    expect(await Promise.all([read("a"), read("a")])).toEqual([{ found: 1 }, { found: 1 }]);
    kept.touched([{ key: "b" }]);
    expect(await read("a")).toEqual({ found: 1 });
    kept.touched([{ key: "a" }]);
    expect(await read("a")).toEqual({ found: 2 });
    kept.clear();
    expect(await read("a")).toEqual({ found: 3 });
  });

  it("is not one that was looked for before the key moved and found after", async () => {
    const kept = new Kept();
    const before = Promise.withResolvers<unknown>();
    const early = kept.read("a", "what", () => before.promise);
    kept.touched([{ key: "a" }]);
    const late = kept.read("a", "what", async () => "new");
    before.resolve("old");
    expect([await early, await late]).toEqual(["old", "new"]);
    expect(await kept.read("a", "what", async () => "newer")).toBe("new");
  });

  it("is what the write said that it is, without looking, until the key moves again", async () => {
    const kept = new Kept();
    const args = { tenant: newId("ten"), id: newId("drf") };
    const question = questionOf("drafts.get", args);
    const looked = async () => ({ state: "looked" });
    const before = Promise.withResolvers<unknown>();
    const early = kept.read("a", question, () => before.promise);
    kept.touched([{ key: "a", known: { name: "drafts.get", args, result: null } }]);
    expect(await kept.read("a", question, looked)).toBeNull();
    expect(await kept.read("a", "another", looked)).toEqual({ state: "looked" });
    before.resolve({ state: "old" });
    await early;
    kept.touched([{ key: "a", known: { name: "drafts.get", args, result: null } }]);
    expect(await kept.read("a", question, looked)).toBeNull();
    kept.touched([{ key: "a" }]);
    expect(await kept.read("a", question, looked)).toEqual({ state: "looked" });
  });

  it("is never another question's, nor a failure", async () => {
    const kept = new Kept();
    await expect(kept.read("a", "mine", () => Promise.reject(new Error("not now")))).rejects.toThrow("not now");
    expect(await kept.read("a", "mine", async () => "mine")).toBe("mine");
    expect(await kept.read("a", "theirs", async () => "theirs")).toBe("theirs");
  });

  it("can be changed by none of those who share it", async () => {
    const result = (await new Kept().read("a", "what", async () => ({ version: 1 }))) as { version: number };
    expect(() => (result.version = 2)).toThrow(TypeError);
  });

  it("is one of the latest 256", async () => {
    const kept = new Kept();
    for (let index = 0; index <= 256; index += 1) await kept.read(`${index}`, "what", async () => "first");
    expect(await kept.read("1", "what", async () => "second")).toBe("first");
    expect(await kept.read("0", "what", async () => "second")).toBe("second");
  });
});

describe("the policy in force", () => {
  it("MB-01 is the newest for whoever asks after it was put, however many ask meanwhile", async () => {
    const { store, tenant, mailbox } = await openWorld();
    const current = async (): Promise<number> => (await store.run("policies.current", { tenant, mailbox }))?.version ?? 0;
    const put = (version: number) =>
      store.run("policies.put", { tenant, mailbox, id: newId("pol"), digest: `${version}`, document: "{}", at: NOON, actor: "postern" });
    let asking = true;
    const crowd = (async () => {
      for (let last = 0; asking;) {
        const version = await current();
        expect(version).toBeGreaterThanOrEqual(last);
        last = version;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let version = 1; version <= 50; version += 1) {
      await put(version);
      expect(await current()).toBe(version);
    }
    asking = false;
    await crowd;
  });

  it("is not read again for the next message, and no other mailbox's or tenant's", async () => {
    const { store, tenant, mailbox } = await openWorld();
    const policy = { tenant, mailbox, id: newId("pol"), digest: "1", document: "{}", at: NOON, actor: "postern" } as const;
    await store.run("policies.put", policy);
    const first = await store.run("policies.current", { tenant, mailbox });
    expect(first).toMatchObject({ version: 1 });
    expect(await store.run("policies.current", { tenant, mailbox })).toBe(first);
    expect(await store.run("policies.current", { tenant: newId("ten"), mailbox })).toBeNull();
    expect(await store.run("policies.current", { tenant, mailbox: newId("mbx") })).toBeNull();
  });
});

/** Asked for again after each step; kept or not, an answer is never older than the write before it. */
describe("what is asked for with every mail", () => {
  it("NY-01 a key is revoked, and found where nobody knew it, for whoever asks after that", async () => {
    const { store, tenant } = await openWorld();
    const hash = newId("key");
    expect(await store.run("keys.find", { hash })).toBeNull();
    const key = {
      id: newId("key"),
      tenant,
      name: "agent",
      hash,
      scopes: ["send"],
      mailboxes: null,
      masked: "…",
      created_at: NOON,
    } as const;
    await store.run("keys.create", key);
    const first = await store.run("keys.find", { hash });
    expect(first).toMatchObject({ revoked_at: null });
    expect(await store.run("keys.find", { hash })).toEqual(first);
    await store.run("keys.revoke", { tenant, id: key.id, at: NOON });
    expect(await store.run("keys.find", { hash })).toMatchObject({ revoked_at: NOON });
  });

  it("MB-01 a mailbox has the mode, policy, overseer and aliases that it was given last", async () => {
    const { store, tenant, mailbox } = await openWorld();
    const now = () => store.run("mailboxes.get", { tenant, id: mailbox });
    const by = () => ({ ...fresh(), tenant, mailbox, actor: "postern", at: NOON }) as const;
    const first = await now();
    expect(await now()).toEqual(first);
    await store.run("mailboxes.change", { ...by(), mode: "read_only" });
    expect(await now()).toMatchObject({ oversight_mode: "read_only" });
    await store.run("mailboxes.change", { ...by(), address: "boss@acme.example" });
    expect(await now()).toMatchObject({ oversight_address: "boss@acme.example" });
    await store.run("policies.put", { tenant, mailbox, id: newId("pol"), digest: "1", document: "{}", at: NOON, actor: "postern" });
    expect(await now()).toMatchObject({ policy: { version: 1 } });
    const alias = `${newId("adr")}@${first!.address.split("@")[1]}`;
    const domain = alias.split("@")[1]!;
    await store.run("mailboxes.add_alias", {
      address_id: newId("adr"),
      domain_id: newId("dom"),
      tenant,
      mailbox,
      domain,
      address: alias,
      at: NOON,
    });
    expect(await now()).toMatchObject({ aliases: [alias] });
  });

  it("MM-08 a draft that was just made is what the database has of it, and so is one that has moved", async () => {
    const world = await openAutonomous();
    const letter = letterOf(world, { recipients: to("Anna@acme.example", "ben@other.example") });
    const { tenant, mailbox, draft: id } = letter.input;
    const inRows = async () => (await world.store.run("drafts.list", { tenant, mailbox, limit: 10 })).items.find((row) => row.id === id);
    const finish = (draft: DraftId) =>
      world.store.run("sends.finish", {
        ...{ ...fresh(), tenant, draft, state: "failed" as const, reason: "retries_over" },
        ...{ trace: letter.trace, at: NOON },
      });
    await screen(world.store, letter);
    const made = await world.store.run("drafts.get", { tenant, id });
    expect(made).toEqual(await inRows());
    // Nobody else writes to the database: this says that it was not looked at.
    const unread = letterOf(world);
    await screen(world.store, unread);
    inDatabase(world, (db) => db.prepare("update drafts set reason = 'unseen' where id = ?").run(unread.input.draft));
    expect(await world.store.run("drafts.get", { tenant, id: unread.input.draft })).toMatchObject({ reason: "mode_autonomous" });
    await finish(id);
    const moved = await world.store.run("drafts.get", { tenant, id });
    expect(moved).toMatchObject({ state: "failed" });
    expect(moved).toEqual(await inRows());
    const other = letterOf(world);
    await Promise.all([screen(world.store, other), finish(other.input.draft)]);
    const both = await world.store.run("drafts.get", { tenant, id: other.input.draft });
    expect(both, "made and moved in one commit").toMatchObject({ state: "failed" });
  });

  it("MM-18 a domain has the state and the signing keys that it was given last", async () => {
    const { store, tenant } = await openWorld();
    const domain = newDomain();
    const now = () => store.run("domains.get", { tenant, domain });
    const by = () => ({ ...fresh(), tenant, domain, actor: "postern", at: NOON }) as const;
    const key = () => ({ id: newId("dkm"), selector: newId("dkm").slice(4, 12), public_key: "p", sealed: "s" });
    expect(await now()).toBeNull();
    await store.run("domains.claim", { ...by(), id: newId("dom"), key: key() });
    const first = await now();
    expect(first).toMatchObject({ state: "unverified", keys: [{ state: "active" }] });
    expect(await now()).toEqual(first);
    await store.run("domains.set_state", { ...by(), state: "verified" });
    expect(await now()).toMatchObject({ state: "verified" });
    const next = key();
    await store.run("dkim.add", { ...by(), key: next });
    expect((await now())?.keys).toHaveLength(2);
    await store.run("dkim.activate", { ...by(), id: next.id });
    expect((await now())?.keys.find(({ state }) => state === "active")).toMatchObject({ id: next.id });
  });
});
