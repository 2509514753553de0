import { expect, it } from "vitest";
import { endHeld } from "./hold-samples.ts";
import { proposalOf } from "./samples.ts";
import { openStore, openWorld } from "./world.ts";

/** Timers of this process that would keep it alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

it("a watch on a message tells of any decision about it, also of one that is not final", async () => {
  const world = await openWorld();
  const proposal = proposalOf(world, { proposal: { outcome: "deferred" } });
  const watch = world.store.watch(`message:${proposal.input.message}`, 10_000);
  await world.store.run("inbound.decide", proposal);
  expect(await watch.moved).toBe(true);
});

it("whoever subscribes before reading misses nothing: 200 watches, each woken by its own decision", async () => {
  const world = await openWorld();
  const proposals = Array.from({ length: 200 }, () => proposalOf(world));
  const watches = proposals.map(({ input }) => world.store.watch(`message:${input.message}`, 20_000).moved);
  await Promise.all(proposals.map((proposal) => world.store.run("inbound.decide", proposal)));
  expect(new Set(await Promise.all(watches))).toEqual(new Set([true]));
});

it("what a watch tells of can be read", async () => {
  const world = await openWorld();
  const proposal = proposalOf(world);
  const { message } = proposal.input;
  const watch = world.store.watch(`message:${message}`, 10_000);
  const deciding = world.store.run("inbound.decide", proposal);
  await watch.moved;
  expect(await world.store.run("decisions.final", { message, stage: "inbound" })).not.toBeNull();
  await deciding;
});

it("MH-05 a watch on a mailbox tells of deliveries and releases, not of refusals and holds", async () => {
  const world = await openWorld();
  const key = `mailbox:${world.mailbox}`;
  const held = proposalOf(world, { proposal: { outcome: "held" } });
  const silent = world.store.watch(key, 10_000);
  await world.store.run("inbound.decide", held);
  await world.store.run("inbound.decide", proposalOf(world, { proposal: { outcome: "rejected_at_policy" } }));
  silent.cancel();
  expect(await silent.moved).toBe(false);
  for (const act of [() => world.store.run("inbound.decide", proposalOf(world)), () => endHeld(world, held)]) {
    const watch = world.store.watch(key, 10_000);
    await act();
    expect(await watch.moved).toBe(true);
  }
});

it("a watch ends at its deadline, by cancel or with the store, and leaves no timer", async () => {
  const { store } = await openStore();
  const before = timers();
  expect(await store.watch("message:msg_a", 5).moved).toBe(false);
  const [cancelled, open] = [store.watch("message:msg_a", 60_000), store.watch("message:msg_a", 2 ** 40)];
  expect(timers()).toBeGreaterThan(before);
  cancelled.cancel();
  cancelled.cancel();
  await store.close();
  expect(await Promise.all([cancelled.moved, open.moved])).toEqual([false, false]);
  expect(await store.watch("message:msg_a", 60_000).moved).toBe(false);
  // The store had some of its own.
  expect(timers()).toBeLessThanOrEqual(before);
});
