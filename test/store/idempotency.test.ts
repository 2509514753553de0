import { expect, it } from "vitest";
import { newId, DAY, HOUR, NOON } from "./samples.ts";
import { GATED, inDatabase, keyOf, letterOf, openOutboundWorld, screen } from "./outbound-samples.ts";

it("NY-12 fifty who come at once with one key get one draft, and later its one answer", async () => {
  const world = await openOutboundWorld();
  const { key, mailbox } = keyOf(world);
  const begun = await Promise.all(Array.from({ length: 50 }, () => world.store.run("idempotency.begin", keyOf(world, { key }))));
  const [first] = begun;
  expect(first).toMatchObject({ key, mailbox, status: null, answer: null });
  for (const row of begun) expect(row).toEqual(first);
  await world.store.run("idempotency.settle", { mailbox, key, status: 200, answer: "{}" });
  await world.store.run("idempotency.settle", { mailbox, key, status: 202, answer: "[]" });
  expect(await world.store.run("idempotency.begin", keyOf(world, { key }))).toEqual({ ...first, status: 200, answer: "{}" });
});

it("NY-12 another payload under the same key is a conflict; the same key of another mailbox is another key", async () => {
  const world = await openOutboundWorld();
  const other = await openOutboundWorld();
  const first = keyOf(world);
  await world.store.run("idempotency.begin", first);
  const begin = (changes: object) => world.store.run("idempotency.begin", { ...keyOf(world), key: first.key, ...changes });
  expect(await begin({ payload_hash: "q".repeat(64) })).toEqual({ conflict: "payload" });
  const elsewhere = keyOf(other, { key: first.key, payload_hash: "q".repeat(64) });
  expect(await world.store.run("idempotency.begin", elsewhere)).toMatchObject({ draft: elsewhere.draft });
});

it("NY-12 after a 429 the key may name another draft; not once it has an answer, nor once there is a draft", async () => {
  const world = await openOutboundWorld();
  const begin = (row: ReturnType<typeof keyOf>) => world.store.run("idempotency.begin", row);
  const release = ({ mailbox, key, draft }: ReturnType<typeof keyOf>) => world.store.run("idempotency.release", { mailbox, key, draft });
  const limited = keyOf(world);
  await begin(limited);
  await release({ ...limited, draft: newId("drf") });
  expect(await begin(keyOf(world, { key: limited.key }))).toMatchObject({ draft: limited.draft });
  await release(limited);
  const next = keyOf(world, { key: limited.key, payload_hash: "q".repeat(64) });
  expect(await begin(next)).toMatchObject({ draft: next.draft });

  const answered = keyOf(world);
  await begin(answered);
  await world.store.run("idempotency.settle", { ...answered, status: 403, answer: "{}" });
  await release(answered);
  expect(await begin(keyOf(world, { key: answered.key }))).toMatchObject({ draft: answered.draft, status: 403 });

  const letter = letterOf(world);
  const drafted = keyOf(world, { draft: letter.input.draft });
  await begin(drafted);
  await screen(world.store, letter);
  await release(drafted);
  expect(await begin(keyOf(world, { key: drafted.key }))).toMatchObject({ draft: drafted.draft });
});

it("NY-12 keys go when they are old and their draft has ended, and not while it lives", async () => {
  const world = await openOutboundWorld();
  // The other tests of this file leave younger ones.
  const at = NOON - 1000 * DAY;
  const blocked = letterOf(world, { proposal: { outcome: "blocked", reason: "block_list", judged_at: "lists" } });
  const waiting = letterOf(world, { proposal: GATED });
  for (const letter of [blocked, waiting]) await screen(world.store, letter);
  const ended = keyOf(world, { draft: blocked.input.draft, at });
  const living = keyOf(world, { draft: waiting.input.draft, at });
  const invalid = keyOf(world, { at });
  const unanswered = keyOf(world, { at });
  const young = keyOf(world, { at: at + HOUR });
  for (const row of [ended, living, invalid, unanswered, young]) await world.store.run("idempotency.begin", row);
  for (const { key, mailbox } of [living, invalid, young]) {
    await world.store.run("idempotency.settle", { mailbox, key, status: 422, answer: "{}" });
  }
  const prune = (before: number, limit: number) => world.store.run("idempotency.prune", { before, limit });
  expect([await prune(at + 1, 1), await prune(at + 1, 10), await prune(at + 1, 10)]).toEqual([1, 1, 0]);
  const left = inDatabase(world, (db) => db.prepare("select key from idempotency where mailbox = ?").all(world.mailbox));
  expect(new Set(left.map((row) => row["key"]))).toEqual(new Set([living.key, unanswered.key, young.key]));
  expect(await prune(at + DAY, 10)).toBe(1);
});
