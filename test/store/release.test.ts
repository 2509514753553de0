import { expect, it } from "vitest";
import { DAY, newId, NOON, proposalOf, releaseOf } from "./samples.ts";
import { openWorld, type World } from "./world.ts";

async function hold(world: World, outcome: "held" | "quarantined" = "held") {
  const proposal = proposalOf(world, { proposal: { outcome, reason: "suspicious", judged_at: "content_guards" } });
  const decision = await world.store.run("inbound.decide", proposal);
  return { proposal, decision, id: proposal.input.message };
}

it.each(["held", "quarantined"] as const)(
  "a person releases a message that is %s: delivered, tokens charged, second decision",
  async (outcome) => {
    const world = await openWorld();
    const { store, tenant, mailbox } = world;
    const held = await hold(world, outcome);
    expect(await store.run("messages.get", { tenant, id: held.id, view: "agent" })).toBeNull();
    const release = releaseOf(held.proposal);
    const decision = await store.run("release.decide", release);
    expect(decision).toMatchObject({
      id: release.decision_id,
      stage: "release",
      outcome: "delivered",
      reason: "released_by_person",
      judged_at: "person",
      supersedes: held.decision.id,
      actor: release.actor,
      capabilities: held.decision.capabilities,
      reservations: [
        { ledger: "tokens", scope: "thread", amount: 100 },
        { ledger: "tokens", scope: "sender", amount: 100 },
      ],
    });
    expect(await store.run("messages.get", { tenant, id: held.id, view: "agent" })).toMatchObject({
      outcome: "delivered",
      tokens_reserved: 100,
      delivery_seq: 1,
    });
    expect(await store.run("decisions.final", { message: held.id, stage: "inbound" })).toEqual(held.decision);
    const list = await store.run("decisions.list", { tenant, mailbox, message: held.id, limit: 10 });
    expect(list.items.map((row) => [row.decision.stage, row.final, row.body_sha256])).toEqual([
      ["release", true, "b".repeat(64)],
      ["inbound", true, "b".repeat(64)],
    ]);
    expect(await store.run("audit.of_message", { tenant, message: held.id })).toHaveLength(2);
  },
);

it("a released message's tokens are charged without refusing, and count from then on", async () => {
  const world = await openWorld();
  const thread = newId("thr");
  const mail = { facts: { thread, tokens: 80 }, limits: { tokensPerThread: 100 } };
  const held = proposalOf(world, { ...mail, proposal: { outcome: "held" } });
  await world.store.run("inbound.decide", held);
  expect(await world.store.run("inbound.decide", proposalOf(world, mail))).toMatchObject({ outcome: "delivered" });
  expect(await world.store.run("release.decide", releaseOf(held))).toMatchObject({ outcome: "delivered" });
  const small = proposalOf(world, { facts: { thread, tokens: 1 }, limits: { tokensPerThread: 161 } });
  expect(await world.store.run("inbound.decide", small)).toMatchObject({ outcome: "delivered" });
  expect(
    await world.store.run("inbound.decide", proposalOf(world, { ...mail, facts: { thread, tokens: 0 }, limits: { tokensPerThread: 161 } })),
  ).toMatchObject({
    outcome: "budget_exhausted",
  });
});

it("a person discards a held message: no agent sees it, its bytes may go", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const { proposal, id } = await hold(world);
  const decision = await store.run("release.decide", releaseOf(proposal, { action: "discard" }));
  expect(decision).toMatchObject({ outcome: "discarded", reason: "discarded_by_person", capabilities: [], reservations: [] });
  expect(await store.run("messages.get", { tenant, id, view: "agent" })).toBeNull();
  expect(await store.run("messages.get", { tenant, id, view: "all" })).toMatchObject({ outcome: "discarded", delivery_seq: null });
  expect(await store.run("messages.references", { tenant, digest: proposal.input.ref.digest })).toBe(false);
});

it("of two people who decide at once one decides; the run that decided may ask again", async () => {
  const world = await openWorld();
  const { proposal } = await hold(world);
  const attempts = [
    releaseOf(proposal, { trace: { workflow_id: "w", run_id: "one", activity_id: "1" } }),
    releaseOf(proposal, { action: "discard", trace: { workflow_id: "w", run_id: "two", activity_id: "1" } }),
  ];
  const answers = await Promise.all(attempts.map((attempt) => world.store.run("release.decide", attempt)));
  expect(answers[0]).toMatchObject({ outcome: "delivered" });
  expect(answers[1]).toEqual({ refused: "not_waiting" });
  expect(await world.store.run("release.decide", { ...attempts[0]!, decision_id: newId("dec") })).toEqual(answers[0]);
  const entries = await world.store.run("audit.of_message", { tenant: world.tenant, message: proposal.input.message });
  expect(entries).toHaveLength(2);
});

it("what does not wait cannot be released, and what is not there is not found", async () => {
  const world = await openWorld();
  const delivered = proposalOf(world);
  await world.store.run("inbound.decide", delivered);
  expect(await world.store.run("release.decide", releaseOf(delivered))).toEqual({ refused: "not_waiting" });
  const refused = proposalOf(world, { proposal: { outcome: "rejected_at_policy" } });
  await world.store.run("inbound.decide", refused);
  expect(await world.store.run("release.decide", releaseOf(refused))).toEqual({ refused: "not_waiting" });
  expect(await world.store.run("release.decide", releaseOf(proposalOf(world)))).toEqual({ refused: "not_found" });
});

it("the note and the addresses of a release are erasable, the entry itself holds none of them", async () => {
  const world = await openWorld();
  const { proposal, id } = await hold(world);
  await world.store.run("release.decide", releaseOf(proposal, { note: "spoke with her on the phone" }));
  const [, entry] = await world.store.run("audit.of_message", { tenant: world.tenant, message: id });
  expect(entry!.details).toMatchObject({ note: "spoke with her on the phone", from: "boss@acme.example" });
  expect(entry!.leaf).not.toContain("phone");
  expect(entry!.leaf).not.toContain("@");
  await world.store.run("audit.erase_expired", { now: NOON + 91 * DAY, limit: 100 });
  const after = await world.store.run("audit.of_message", { tenant: world.tenant, message: id });
  expect(after.map((row) => row.details)).toEqual([null, null]);
});
