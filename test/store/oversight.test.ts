import { beforeEach, describe, expect, it } from "vitest";
import type { KeyId, MailboxId } from "../../src/model/ids.ts";
import { MODES, type Mode } from "../../src/model/outbound.ts";
import type { StopChange } from "../../src/store/contract-outbound.ts";
import { openRows } from "../support/postgres/rows.ts";
import { addMailbox, DAY, newDomain, newId, NOON } from "./samples.ts";
import { addKey, attemptOf, decide, hashOf, submit } from "./hold-samples.ts";
import { fresh, setOverseer } from "./outbound-samples.ts";
import { openWorld, type World } from "./world.ts";

const OPERATOR = "key:key_0000000000000001";
const ADMIN = "key:key_0000000000000002";

let world: World;
beforeEach(async () => {
  world = await openWorld();
});

/** Real codes are random: no two worlds have the same. */
const hashed = (code: string) => hashOf(world.tenant + code);

async function makeCode(mode: Mode, code: string, mailbox: MailboxId = world.mailbox, at = NOON): Promise<void> {
  const { store, tenant } = world;
  const hash = hashed(code);
  await store.run("oversight.put_code", { tenant, mailbox, mode, hash, at, expires_at: at + DAY, actor: OPERATOR, ...fresh() });
}

function setMode(mode: Mode, code: string | null = null, at = NOON) {
  const { store, tenant, mailbox } = world;
  const code_hash = code === null ? null : hashed(code);
  return store.run("mailboxes.change", { tenant, mailbox, mode, code_hash, actor: ADMIN, at, ...fresh() });
}

const modeNow = async () => (await world.store.run("mailboxes.get", { tenant: world.tenant, id: world.mailbox }))!.oversight_mode;

/** What the tenant's log says of its mailboxes' oversight, in no order. */
function entries(...actions: string[]) {
  using database = openRows(world.path);
  const rows = database
    .prepare("select leaf, details_json from audit_entries left join audit_private on entry = id where tenant = ?")
    .all(world.tenant) as { leaf: string; details_json: string }[];
  return rows
    .map(({ leaf, details_json }) => ({
      ...(JSON.parse(leaf) as { action: string; actor: string; mailbox: string | null; facts: Record<string, unknown> }),
      details: JSON.parse(details_json) as Record<string, unknown>,
      leaf,
    }))
    .filter(({ action }) => actions.includes(action));
}

describe("modes", () => {
  it("MM-28 downward is free and at once, step by step or all the way", async () => {
    for (const mode of ["gated_all", "read_only"] as const) {
      expect(await setMode(mode)).toMatchObject({ id: world.mailbox, oversight_mode: mode });
      expect(await modeNow()).toBe(mode);
    }
  });

  it("MM-05 `monitored` needs an address; with it mode and address change in one, each audited, or neither does", async () => {
    const { store, tenant, mailbox } = world;
    const change = (more: object) =>
      store.run("mailboxes.change", {
        tenant,
        mailbox,
        mode: "monitored",
        code_hash: hashed("up"),
        actor: ADMIN,
        at: NOON,
        ...fresh(),
        ...more,
      });
    await makeCode("monitored", "up");
    expect(await change({})).toEqual({ refused: "address_required" });
    expect(await change({ code_hash: hashed("other"), address: "eye@acme.example" })).toEqual({ refused: "code_invalid" });
    expect(await store.run("mailboxes.get", { tenant, id: mailbox })).toMatchObject({ oversight_address: null });
    const both = { oversight_mode: "monitored", oversight_address: "eye@acme.example" };
    expect(await change({ address: "eye@acme.example" })).toMatchObject(both);
    expect(await store.run("mailboxes.get", { tenant, id: mailbox })).toMatchObject(both);
    const address = { tenant, mailbox, address: null, actor: ADMIN, at: NOON, ...fresh() } as const;
    expect(await store.run("mailboxes.change", address)).toEqual({ refused: "address_required" });
  });

  it("MM-28 every way up needs a code", async () => {
    for (const from of MODES) {
      for (const to of MODES.slice(MODES.indexOf(from) + 1)) {
        world = await openWorld();
        setOverseer(world, "eye@acme.example");
        await makeCode("autonomous", "start");
        await setMode("autonomous", "start");
        await setMode(from);
        expect(await setMode(to)).toEqual({ refused: "code_required" });
        expect(await modeNow()).toBe(from);
        await makeCode(to, "code");
        expect(await setMode(to, "code")).toMatchObject({ oversight_mode: to });
      }
    }
  });

  it("MM-28 a code is for one mailbox and one mode, for a day, once; a newer one takes its place", async () => {
    const other = await addMailbox(world.store, world.tenant, `other@${newDomain()}`);
    await makeCode("autonomous", "of another mailbox", other.id);
    await makeCode("monitored", "of another mode");
    await makeCode("autonomous", "replaced");
    await makeCode("autonomous", "good");
    for (const code of ["of another mailbox", "of another mode", "replaced", "guessed", ""]) {
      expect(await setMode("autonomous", code), code).toEqual({ refused: "code_invalid" });
    }
    expect(await setMode("autonomous", "good", NOON + DAY)).toEqual({ refused: "code_invalid" });
    expect(await modeNow()).toBe("gated_send");
    expect(await setMode("autonomous", "good", NOON + DAY - 1)).toMatchObject({ oversight_mode: "autonomous" });
    await setMode("gated_send");
    expect(await setMode("autonomous", "good")).toEqual({ refused: "code_invalid" });
  });

  it("MM-28 of two who come with one code at once one uses it", async () => {
    await makeCode("autonomous", "good");
    const answers = await Promise.all([1, 2, 3].map(() => setMode("autonomous", "good")));
    // The others find the mode that they ask for.
    for (const answer of answers) expect(answer).toMatchObject({ oversight_mode: "autonomous" });
    expect(entries("mailbox.mode_changed")).toHaveLength(1);
    await setMode("read_only");
    expect(await setMode("autonomous", "good")).toEqual({ refused: "code_invalid" });
  });

  it("MM-07 every change is audited with old, new and actor, a refused one with its code; the mode it has is no change", async () => {
    await setMode("gated_send");
    await setMode("autonomous");
    await makeCode("autonomous", "good");
    await setMode("autonomous", "good");
    await setMode("read_only");
    const told = entries("mailbox.mode_changed", "mailbox.mode_refused", "mailbox.mode_code_made");
    const said = told.map(({ action, actor, mailbox, facts }) => ({ action, actor, mailbox, facts }));
    const mailbox = world.mailbox;
    expect(said).toHaveLength(4);
    expect(said).toEqual(
      expect.arrayContaining([
        { action: "mailbox.mode_refused", actor: ADMIN, mailbox, facts: { old: "gated_send", new: "autonomous", code: "code_required" } },
        {
          action: "mailbox.mode_code_made",
          actor: OPERATOR,
          mailbox,
          facts: { mode: "autonomous", expires_at: "2026-11-22T12:00:00.000Z" },
        },
        { action: "mailbox.mode_changed", actor: ADMIN, mailbox, facts: { old: "gated_send", new: "autonomous" } },
        { action: "mailbox.mode_changed", actor: ADMIN, mailbox, facts: { old: "autonomous", new: "read_only" } },
      ]),
    );
    expect(JSON.stringify(told)).not.toContain(hashed("good"));
  });

  it("MB-18 another tenant's mailbox has no mode, no address and no code to set", async () => {
    const abroad = await openWorld();
    const change = { tenant: abroad.tenant, mailbox: world.mailbox, actor: ADMIN, at: NOON } as const;
    expect(await world.store.run("mailboxes.change", { ...change, mode: "read_only", code_hash: null, ...fresh() })).toBeNull();
    expect(await world.store.run("mailboxes.change", { ...change, address: "me@abroad.example", ...fresh() })).toBeNull();
    const code = { ...change, mode: "autonomous", hash: hashed("theirs"), expires_at: NOON + DAY, ...fresh() } as const;
    await expect(world.store.run("oversight.put_code", code)).rejects.toThrow();
    expect(await setMode("autonomous", "theirs")).toEqual({ refused: "code_invalid" });
    expect(await modeNow()).toBe("gated_send");
  });

  it("MM-05 the oversight address is set and taken away; the log's unchangeable half does not name it", async () => {
    const { store, tenant, mailbox } = world;
    const set = (address: string | null) => store.run("mailboxes.change", { tenant, mailbox, address, actor: ADMIN, at: NOON, ...fresh() });
    expect(await set("boss@acme.example")).toMatchObject({ id: mailbox, oversight_address: "boss@acme.example" });
    await set("boss@acme.example");
    expect(await set(null)).toMatchObject({ oversight_address: null });
    const told = entries("mailbox.oversight_address_changed");
    expect(told.map(({ details }) => details)).toEqual(
      expect.arrayContaining([
        { old: null, new: "boss@acme.example" },
        { old: "boss@acme.example", new: null },
      ]),
    );
    expect(told).toHaveLength(2);
    expect(told.map(({ leaf }) => leaf).join()).not.toContain("boss");
  });
});

describe("the kill switch", () => {
  let author: KeyId;
  beforeEach(async () => {
    author = await addKey(world, ["send"]);
  });

  const stop = (target: StopChange["target"], stopped = true, tenant = world.tenant) =>
    world.store.run("oversight.stop", { tenant, target, stopped, actor: ADMIN, at: NOON, ...fresh() });
  const stops = () => world.store.run("oversight.stops", { tenant: world.tenant });

  it("X-27 stops a mailbox, an agent or the tenant, and says which drafts are under way there", async () => {
    const { tenant, mailbox } = world;
    const other = { ...world, mailbox: (await addMailbox(world.store, tenant, `other@${newDomain()}`)).id };
    const [here, there] = [await submit(world, author, "queued"), await submit(other, author, "queued")];
    const waiting = await submit(world, author);
    const approved = await submit(world, author);
    await decide(world, attemptOf(world, approved.id, "approve", await addKey(world, ["oversight"])));
    const cancelled = await submit(world, author, "queued");
    await decide(world, attemptOf(world, cancelled.id, "cancel", author));
    const drafts = async (target: StopChange["target"]) => (await stop(target))!.drafts.toSorted();
    expect(await drafts({ mailbox })).toEqual([here.id, approved.id].toSorted());
    expect(await drafts({ mailbox: other.mailbox })).toEqual([there.id]);
    expect(await drafts({ agent: "assistant" })).toEqual([here.id, there.id, approved.id].toSorted());
    expect(await drafts({ tenant: true })).toEqual([here.id, there.id, approved.id].toSorted());
    expect(await drafts({ tenant: true })).not.toContain(waiting.id);
    expect((await stops()).map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      "agent assistant",
      ...[mailbox, other.mailbox].toSorted().map((id) => `mailbox ${id}`),
      `tenant ${tenant}`,
    ]);
  });

  it("NY-01 stopping one agent is seen by its own mail alone", async () => {
    const bob = await agentOf("bob");
    const [his, ours] = [await submit(bob, author, "queued"), await submit(world, author, "queued")];
    expect((await stop({ agent: "bob" }))!.drafts).toEqual([his.id]);
    const state = async (place: World) =>
      (await world.store.run("outbound.facts", {
        tenant: world.tenant,
        mailbox: place.mailbox,
        draft: null,
        thread: newId("thr"),
        author,
        in_reply_to: null,
        recipients: ["anna@acme.example"],
        at: NOON,
      }))!.stopped;
    expect([await state(bob), await state(world)]).toEqual(["agent", null]);
    expect((await stop({ agent: "bob" }, false))!.drafts).toEqual([his.id]);
    expect(await state(bob)).toBeNull();
    expect((await stop({ mailbox: world.mailbox }))!.drafts).toEqual([ours.id]);
  });

  async function agentOf(agent_id: string): Promise<World> {
    const id = newId("mbx");
    const domain = newDomain();
    const names = { id, address_id: newId("adr"), domain_id: newId("dom") } as const;
    await world.store.run("mailboxes.create", { ...names, tenant: world.tenant, agent_id, address: `a@${domain}`, domain, at: NOON });
    return { ...world, mailbox: id };
  }

  it("X-27 every change is audited once; the first time of a stop stays; lifting what is not stopped is no change", async () => {
    const target = { mailbox: world.mailbox };
    await stop(target, false);
    await stop(target);
    await world.store.run("oversight.stop", { tenant: world.tenant, target, stopped: true, actor: ADMIN, at: NOON + 1, ...fresh() });
    expect(await stops()).toEqual([{ kind: "mailbox", id: world.mailbox, at: NOON }]);
    await stop(target, false);
    expect(await stops()).toEqual([]);
    const told = entries("oversight.stopped", "oversight.resumed");
    expect(told.map(({ action, actor, mailbox, facts }) => ({ action, actor, mailbox, facts }))).toEqual(
      expect.arrayContaining(
        ["oversight.stopped", "oversight.resumed"].map((action) => ({
          action,
          actor: ADMIN,
          mailbox: world.mailbox,
          facts: { kind: "mailbox", target: world.mailbox },
        })),
      ),
    );
    expect(told).toHaveLength(2);
  });

  it("MB-18 another tenant's mailbox and an agent nobody has cannot be stopped", async () => {
    const abroad = await openWorld();
    expect(await stop({ mailbox: world.mailbox }, true, abroad.tenant)).toBeNull();
    expect(await stop({ agent: "nobody" })).toBeNull();
    expect((await stop({ tenant: true }, true, abroad.tenant))!.drafts).toEqual([]);
    expect(await stops()).toEqual([]);
  });
});
