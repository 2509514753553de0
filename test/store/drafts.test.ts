import { expect, it } from "vitest";
import type { ScreenProposal } from "../../src/store/contract-outbound.ts";
import { DAY, newId, NOON, proposalOf } from "./samples.ts";
import {
  approvalOf,
  blobOf,
  deliveriesOf,
  GATED,
  inDatabase,
  letterOf,
  openAutonomous,
  openOutboundWorld,
  type OutboundWorld,
  screen,
  sendOut,
  to,
} from "./outbound-samples.ts";

const BLOCKED = { outcome: "blocked", reason: "block_list", judged_at: "lists" } as const;

function draftOf({ store, tenant }: OutboundWorld, { input }: ScreenProposal) {
  return store.run("drafts.get", { tenant, id: input.draft });
}

function isNeeded({ store, tenant }: OutboundWorld, digest: string): Promise<boolean> {
  return store.run("messages.references", { tenant, digest });
}

async function reject(world: OutboundWorld, letter: ScreenProposal): Promise<void> {
  const attempt = { ...approvalOf(letter, world.approver, NOON), action: "reject" as const };
  const { tenant, hold, nonce, at } = attempt;
  await world.store.run("holds.note", { tenant, hold, nonce, note: "not like this, Anna", at });
  expect(await world.store.run("holds.decide", attempt)).toMatchObject({ result: "accepted" });
}

it("drafts are listed newest first, page by page, all or those in one state", async () => {
  const world = await openAutonomous();
  const { store, tenant, mailbox } = world;
  const letters = [0, 1, 2, 3, 4].map((index) => letterOf(world, { at: NOON + index, proposal: index % 2 === 0 ? {} : BLOCKED }));
  for (const letter of letters) await screen(store, letter);
  const ids = letters.map(({ input }) => input.draft).toReversed();
  const list = async (filter: object) => store.run("drafts.list", { tenant, mailbox, limit: 3, ...filter });
  const first = await list({});
  const rest = await list({ cursor: first.next_cursor });
  expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(ids);
  expect(rest.next_cursor).toBeNull();
  expect((await list({ state: "blocked" })).items.map(({ id }) => id)).toEqual([ids[1], ids[3]]);
  expect(first.items[0]).toEqual(await draftOf(world, letters[4]!));
});

it("an edit adds a version: the draft shows the last, the list all, deliveries are those of the last", async () => {
  const world = await openOutboundWorld();
  const letter = letterOf(world, { proposal: GATED, recipients: to("anna@acme.example", "bob@acme.example") });
  await screen(world.store, letter);
  const revision = { number: 2, content_hash: "e".repeat(64), mime: blobOf("second") };
  const content = { ...letter.content, source: blobOf("second source"), subject: "dinner at nine", recipients: to("bob@acme.example") };
  const edit = { ...approvalOf(letter, world.approver, NOON + 1), action: "edit" as const, edit: { revision, content } };
  expect(await world.store.run("holds.decide", edit)).toMatchObject({ result: "accepted", revision: 2 });
  const second = { ...content, ...revision, author: world.approver, created_at: NOON + 1 };
  expect((await draftOf(world, letter))!.revision).toEqual(second);
  const all = await world.store.run("revisions.list", { tenant: world.tenant, draft: letter.input.draft });
  expect(all).toEqual([{ ...letter.content, ...letter.revision, created_at: NOON }, second]);
  expect((await deliveriesOf(world, letter.input.draft)).map(({ recipient }) => recipient)).toEqual(["bob@acme.example"]);
  for (const digest of [letter.revision.mime.digest, revision.mime.digest, content.source.digest]) {
    expect(await isNeeded(world, digest)).toBe(true);
  }
});

it("a version is never changed, only emptied of what is personal", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world);
  await screen(world.store, letter);
  const set = (change: string) =>
    inDatabase(world, (db) => db.prepare(`update revisions set ${change} where draft = ?`).run(letter.input.draft));
  const empty = "subject = '', recipients_json = '[]', rfc_message_id = '', envelope_sender = ''";
  expect(() => set("subject = 'lunch'")).toThrow("never changed");
  expect(() => set(`${empty}, content_hash = 'x'`)).toThrow("never changed");
  expect(set(empty).changes).toBe(1);
});

it("the bytes of a draft are needed by whoever may still read or send it, not once it was blocked", async () => {
  const world = await openAutonomous();
  const queued = letterOf(world);
  const blocked = letterOf(world, { proposal: BLOCKED });
  for (const letter of [queued, blocked]) await screen(world.store, letter);
  for (const [letter, needed] of [
    [queued, true],
    [blocked, false],
  ] as const) {
    for (const { digest } of [letter.revision.mime, letter.input.source]) expect(await isNeeded(world, digest)).toBe(needed);
  }
  const other = await openAutonomous();
  expect(await isNeeded(other, queued.revision.mime.digest)).toBe(false);
  const message = blobOf("sealed");
  const sunk = { tenant: world.tenant, mailbox: world.mailbox, draft: queued.input.draft, envelope_sender: "", recipients: [] };
  await world.store.run("sink.put", { ...sunk, id: newId("snk"), message, at: NOON });
  expect([await isNeeded(world, message.digest), await isNeeded(other, message.digest)]).toEqual([true, false]);
});

it("MB-10 with the details of drafts that came to nothing go all their words; ids, hashes and decisions stay", async () => {
  const world = await openOutboundWorld();
  const { store, tenant } = world;
  const audit = { retentionDays: 1 };
  const rejected = letterOf(world, { proposal: { ...GATED, audit } });
  const blocked = letterOf(world, { proposal: { ...BLOCKED, audit } });
  const waiting = letterOf(world, { proposal: { ...GATED, audit } });
  for (const letter of [rejected, blocked, waiting]) await screen(store, letter);
  await reject(world, rejected);
  expect(await isNeeded(world, rejected.revision.mime.digest)).toBe(true);
  // Whatever is kept of a draft that was read.
  for (const letter of [rejected, blocked])
    expect(await draftOf(world, letter)).toMatchObject({ revision: { subject: "dinner at eight" } });
  await store.run("audit.erase_expired", { now: NOON + 2 * DAY, limit: 1000 });
  for (const letter of [rejected, blocked]) {
    const { draft: hold, message } = letter.input;
    const draft = await draftOf(world, letter);
    expect(draft).toMatchObject({ id: hold, revision: { content_hash: letter.revision.content_hash, recipients: [] } });
    const left = [draft, await deliveriesOf(world, hold), await store.run("holds.get", { tenant, id: hold })];
    const entries = await store.run("audit.of_message", { tenant, message });
    for (const word of ["anna", "dinner"]) expect(JSON.stringify([...left, ...entries]).toLowerCase()).not.toContain(word);
    expect(await isNeeded(world, letter.revision.mime.digest)).toBe(false);
  }
  expect(await draftOf(world, waiting)).toMatchObject({ revision: { subject: "dinner at eight" } });
  expect(await isNeeded(world, waiting.revision.mime.digest)).toBe(true);
});

it("PB-04 an agent sees what it sent, in a list of its own; what arrived is listed as before", async () => {
  const world = await openAutonomous();
  const { store, tenant, mailbox } = world;
  const received = proposalOf(world);
  const held = proposalOf(world, { proposal: { outcome: "held" } });
  for (const proposal of [received, held]) await store.run("inbound.decide", proposal);
  const letters = [letterOf(world), letterOf(world, { at: NOON + 1 })];
  for (const letter of letters) await sendOut(world, letter);
  const list = async (view: "agent" | "all", filter: object = {}) => {
    const { items } = await store.run("messages.list", { tenant, mailbox, view, limit: 9, ...filter });
    return items.map(({ id }) => id);
  };
  const sent = letters.map(({ input }) => input.message).toReversed();
  for (const view of ["agent", "all"] as const) {
    expect(await list(view, { direction: "outbound" })).toEqual(sent);
    expect(await list(view, { direction: "outbound", outcome: "delivered" })).toEqual([]);
    const row = await store.run("messages.get", { tenant, id: sent[0]!, view });
    expect(row).toMatchObject({ direction: "outbound", outcome: "sent", draft: letters[1]!.input.draft });
  }
  expect(await list("agent")).toEqual([received.input.message]);
  expect(new Set(await list("all"))).toEqual(new Set([received.input.message, held.input.message]));
  expect(await list("all", { direction: "inbound", outcome: "held" })).toEqual([held.input.message]);
  expect(await store.run("messages.delivered_after", { tenant, mailbox, after: 0, limit: 9 })).toHaveLength(1);
});
