import { expect, it } from "vitest";
import { formatCursor, parseCursor } from "../../src/store/page.ts";
import { newId, NOON, proposalOf } from "./samples.ts";
import { openWorld } from "./world.ts";
import fc from "fast-check";

it("messages and decisions are listed newest first without gaps or repeats, also when times are equal", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  const expected: { at: number; message: string; decision: string }[] = [];
  for (let count = 0; count < 7; count++) {
    const proposal = proposalOf(world, { at: NOON + (count % 3) });
    await store.run("inbound.decide", proposal);
    expected.push({ at: proposal.at, message: proposal.input.message, decision: proposal.decision_id });
  }
  const messages = await allPages((cursor) => store.run("messages.list", { tenant, mailbox, view: "all", limit: 3, ...cursor }));
  const decisions = await allPages((cursor) => store.run("decisions.list", { tenant, mailbox, limit: 3, ...cursor }));
  const newest = (id: "message" | "decision") =>
    expected.toSorted((a, b) => b.at - a.at || (a[id] < b[id] ? 1 : -1)).map((entry) => entry[id]);
  expect(messages.map((row) => row.id)).toEqual(newest("message"));
  expect(decisions.map((row) => row.decision.id)).toEqual(newest("decision"));
});

it("lists can be asked for an outcome, a message and a thread", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  const held = proposalOf(world, { proposal: { outcome: "held" } });
  await store.run("inbound.decide", held);
  await store.run("inbound.decide", proposalOf(world));
  const message = held.input.message;
  const thread = held.facts!.thread;
  for (const filter of [{ outcome: "held" as const }, { message }, { thread }]) {
    const page = await store.run("decisions.list", { tenant, mailbox, limit: 9, ...filter });
    expect(page.items.map((row) => row.decision.message)).toEqual([message]);
  }
  const list = (view: "all" | "agent") => store.run("messages.list", { tenant, mailbox, view, outcome: "held", limit: 9 });
  expect((await list("all")).items.map((row) => row.id)).toEqual([message]);
  expect((await list("agent")).items).toEqual([]);
});

it("a page has at least one row and at most 500", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  await Promise.all(Array.from({ length: 501 }, () => store.run("inbound.decide", proposalOf(world))));
  const list = async (limit: number) => (await store.run("messages.list", { tenant, mailbox, view: "all", limit })).items.length;
  expect(await list(0)).toBe(1);
  expect(await list(1_000_000)).toBe(500);
});

it("a cursor that is not ours is an invalid request", async () => {
  const { store, tenant, mailbox } = await openWorld();
  for (const cursor of [
    "",
    "x",
    "null",
    Buffer.from("[1]").toString("base64url"),
    Buffer.from('["a","b"]').toString("base64url"),
    "9".repeat(300),
  ]) {
    const refused = { code: "invalid_request", message: "the cursor is not one of ours" };
    await expect(store.run("messages.list", { tenant, mailbox, view: "all", limit: 1, cursor })).rejects.toMatchObject(refused);
    await expect(store.run("decisions.list", { tenant, mailbox, limit: 1, cursor })).rejects.toMatchObject(refused);
    await expect(store.run("mailboxes.list", { tenant, limit: 1, cursor })).rejects.toMatchObject(refused);
  }
});

it("a cursor read back is the place it was made of, and nothing else reads", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.string({ maxLength: 40, unit: "grapheme-ascii" }), (at, id) => {
      expect(parseCursor(formatCursor({ at, id }))).toEqual({ at, id });
    }),
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      let place;
      try {
        place = parseCursor(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_request" });
        return;
      }
      expect(formatCursor(place)).toBe(text);
    }),
  );
});

it("PB-09 the bytes of a message are needed while somebody may read it: not when refused or dropped", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const needed = {
    delivered: true,
    held: true,
    quarantined: true,
    discarded: false,
    rejected_at_policy: false,
    rate_limited: false,
  } as const;
  for (const [outcome, expected] of Object.entries(needed)) {
    const proposal = proposalOf(world, { proposal: { outcome: outcome as keyof typeof needed } });
    await store.run("inbound.decide", proposal);
    expect(await store.run("messages.references", { tenant, digest: proposal.input.ref.digest })).toBe(expected);
  }
  expect(await store.run("messages.references", { tenant, digest: "0".repeat(64) })).toBe(false);
});

it("MB-08 only a delivered message can be settled, and never with less than nothing", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const held = proposalOf(world, { proposal: { outcome: "held" } });
  const delivered = proposalOf(world);
  for (const proposal of [held, delivered]) await store.run("inbound.decide", proposal);
  expect(await store.run("messages.settle", { tenant, id: held.input.message, tokens_consumed: 1, at: NOON })).toBeNull();
  expect(await store.run("messages.settle", { tenant, id: newId("msg"), tokens_consumed: 1, at: NOON })).toBeNull();
  await expect(store.run("messages.settle", { tenant, id: delivered.input.message, tokens_consumed: -1, at: NOON })).rejects.toMatchObject({
    code: "internal",
  });
});

it("receipts of one message are listed in order, each once", async () => {
  const { store, tenant } = await openWorld();
  const message = newId("msg");
  const receipt = (at: number) => ({
    id: newId("rcp"),
    tenant,
    message,
    peer: "192.0.2.1",
    helo: "h",
    sender: "s",
    recipient: "r",
    reply: "250",
    at,
  });
  const [second, first] = [receipt(NOON + 1), receipt(NOON)];
  for (const row of [second, first, second]) await store.run("receipts.add", row);
  expect(await store.run("receipts.list", { tenant, message })).toEqual([first, second]);
});

async function allPages<T>(
  page: (cursor: { cursor?: string }) => Promise<{ items: readonly T[]; next_cursor: string | null }>,
): Promise<T[]> {
  const { items, next_cursor } = await page({});
  const all = [...items];
  for (let cursor = next_cursor; cursor !== null;) {
    const next = await page({ cursor });
    all.push(...next.items);
    cursor = next.next_cursor;
  }
  return all;
}
