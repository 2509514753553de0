import { expect, it } from "vitest";
import type { ScreeningQuestion } from "../../src/store/contract-outbound.ts";
import { DAY, HOUR, newId, NOON, proposalOf, type Mail } from "./samples.ts";
import {
  inDatabase,
  letterOf,
  openOutboundWorld,
  questionAbout,
  screen,
  setMode,
  suppressionOf,
  type OutboundWorld,
} from "./outbound-samples.ts";

async function factsOf(world: OutboundWorld, changes: Partial<ScreeningQuestion> = {}) {
  return (await world.store.run("outbound.facts", questionAbout(world, changes)))!;
}

async function receive(world: OutboundWorld, mail: Mail) {
  const proposal = proposalOf(world, mail);
  await world.store.run("inbound.decide", proposal);
  return { thread: proposal.facts!.thread, in_reply_to: proposal.input.message };
}

it("of a mailbox about which nothing is known there are the defaults", async () => {
  const world = await openOutboundWorld();
  const { address } = (await world.store.run("mailboxes.get", { tenant: world.tenant, id: world.mailbox }))!;
  expect(await factsOf(world)).toEqual({
    mode: "gated_send",
    stopped: null,
    author_revoked: false,
    suppressed: [],
    sends: { lastHour: 0, lastDay: 0 },
    new_domains: ["acme.example"],
    tainted: false,
    automatic_source: false,
    policy: null,
    address,
    oversight_address: null,
  });
  expect(await world.store.run("outbound.facts", questionAbout(world, { mailbox: newId("mbx") }))).toBeNull();
});

it("the policy in force comes whole", async () => {
  const world = await openOutboundWorld();
  const { tenant, mailbox } = world;
  for (const digest of ["1", "2"]) {
    await world.store.run("policies.put", {
      tenant,
      mailbox,
      id: newId("pol"),
      digest,
      document: `{"d":${digest}}`,
      at: NOON,
      actor: "postern",
    });
  }
  expect((await factsOf(world)).policy).toMatchObject({ version: 2, digest: "2", document: '{"d":2}' });
});

it("MM-01 what is no mode lets nothing out", async () => {
  const world = await openOutboundWorld();
  setMode(world, "autonomous");
  expect((await factsOf(world)).mode).toBe("autonomous");
  inDatabase(world, (db) => db.prepare("update mailboxes set oversight_mode = 'free_for_all' where id = ?").run(world.mailbox));
  expect((await factsOf(world)).mode).toBe("read_only");
});

it("X-27 a stop of mailbox, agent or tenant shows, the widest first; those of others do not", async () => {
  const world = await openOutboundWorld();
  const other = await openOutboundWorld();
  const stop = (kind: string, id: string, tenant = world.tenant) =>
    inDatabase(world, (db) => db.prepare("insert into stops values (?, ?, ?, ?)").run(tenant, kind, id, NOON));
  stop("tenant", other.tenant, other.tenant);
  stop("mailbox", newId("mbx"));
  stop("agent", "another");
  expect((await factsOf(world)).stopped).toBeNull();
  for (const [kind, id] of [
    ["mailbox", world.mailbox],
    ["agent", "assistant"],
    ["tenant", world.tenant],
  ] as const) {
    stop(kind, id);
    expect((await factsOf(world)).stopped).toBe(kind);
  }
});

it("NY-01 a key that was revoked, that the tenant does not have, or that may not send, is no author", async () => {
  const world = await openOutboundWorld();
  const other = await openOutboundWorld();
  expect((await factsOf(world, { author: other.author })).author_revoked).toBe(true);
  expect((await factsOf(world, { author: newId("key") })).author_revoked).toBe(true);
  expect((await factsOf(world, { author: world.approver })).author_revoked).toBe(true);
  expect((await factsOf(world)).author_revoked).toBe(false);
  await world.store.run("keys.revoke", { tenant: world.tenant, id: world.author, at: NOON });
  expect((await factsOf(world)).author_revoked).toBe(true);
});

it("PB-19 who is suppressed is named, for as long as it lasts, in this tenant", async () => {
  const world = await openOutboundWorld();
  const other = await openOutboundWorld();
  const recipients = ["anna@acme.example", "bob@acme.example", "eve@acme.example"];
  await world.store.run("suppressions.put", suppressionOf(world.tenant, "anna@acme.example", { expires_at: NOON + DAY }));
  await world.store.run("suppressions.put", suppressionOf(other.tenant, "eve@acme.example"));
  expect((await factsOf(world, { recipients, at: NOON + DAY - 1 })).suppressed).toEqual(["anna@acme.example"]);
  expect((await factsOf(world, { recipients, at: NOON + DAY })).suppressed).toEqual([]);
});

it("NY-13 the windows are the last 3,600 seconds and the last 24 hours, without the draft's own place", async () => {
  const world = await openOutboundWorld();
  setMode(world, "autonomous");
  const letter = letterOf(world, { at: NOON });
  for (const proposal of [letter, letterOf(world, { at: NOON + 1 })]) await screen(world.store, proposal);
  const sends = async (at: number, draft = letter.input.draft) => (await factsOf(world, { at, draft })).sends;
  expect(await sends(NOON + 1, newId("drf"))).toEqual({ lastHour: 2, lastDay: 2 });
  expect(await sends(NOON + 1)).toEqual({ lastHour: 1, lastDay: 1 });
  expect(await sends(NOON + HOUR, newId("drf"))).toEqual({ lastHour: 1, lastDay: 2 });
  expect(await sends(NOON + HOUR + 1, newId("drf"))).toEqual({ lastHour: 0, lastDay: 2 });
  expect(await sends(NOON + DAY, newId("drf"))).toEqual({ lastHour: 0, lastDay: 1 });
});

it("NY-21 domains this mailbox never wrote to are new, each once", async () => {
  const world = await openOutboundWorld();
  inDatabase(world, (db) => db.prepare("insert into contacts values (?, ?, ?)").run(world.mailbox, "acme.example", NOON));
  const recipients = ["a@acme.example", "b@new.example", "c@new.example", "d@sub.acme.example"];
  expect((await factsOf(world, { recipients })).new_domains).toEqual(["new.example", "sub.acme.example"]);
});

it("a thread with a quarantined or unproven message is tainted, others of the mailbox are not", async () => {
  const world = await openOutboundWorld();
  const clean = await receive(world, {});
  const unproven = await receive(world, {
    facts: { identity: { kind: "sender", address: "boss@acme.example", domain: "acme.example", verified: false } },
  });
  const quarantined = await receive(world, { proposal: { outcome: "quarantined", reason: "canary" } });
  const tainted = async (changes: Partial<ScreeningQuestion>) => (await factsOf(world, changes)).tainted;
  expect([await tainted(clean), await tainted(unproven), await tainted(quarantined)]).toEqual([false, true, true]);
  await receive(world, { facts: { thread: clean.thread }, proposal: { outcome: "quarantined", reason: "canary" } });
  expect(await tainted(clean)).toBe(true);
});

it("X-10 an answer to an automatic message is known as one", async () => {
  const world = await openOutboundWorld();
  const other = await openOutboundWorld();
  const automatic = await receive(world, { facts: { automatic: true } });
  const written = await receive(world, {});
  const elsewhere = await receive(other, { facts: { automatic: true } });
  const answers = async (changes: Partial<ScreeningQuestion>) => (await factsOf(world, changes)).automatic_source;
  expect([await answers(automatic), await answers(written), await answers(elsewhere)]).toEqual([true, false, false]);
});
