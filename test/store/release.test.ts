import { expect, it } from "vitest";
import { addKey, attemptOf, decide, endHeld, outcomeOf } from "./hold-samples.ts";
import { DAY, newId, NOON, proposalOf } from "./samples.ts";
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
    const decision = await endHeld(world, held.proposal);
    expect(decision).toMatchObject({
      stage: "release",
      outcome: "delivered",
      reason: "released_by_person",
      judged_at: "person",
      supersedes: held.decision.id,
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
    const actions = (await store.run("audit.of_message", { tenant, message: held.id })).map(
      ({ leaf }) => (JSON.parse(leaf) as { action: string }).action,
    );
    expect(actions.toSorted()).toEqual(["decision", "decision", "email.approved"]);
  },
);

it("a released message's tokens are charged without refusing, and count from then on", async () => {
  const world = await openWorld();
  const thread = newId("thr");
  const mail = { facts: { thread, tokens: 80 }, limits: { tokensPerThread: 100 } };
  const held = proposalOf(world, { ...mail, proposal: { outcome: "held" } });
  await world.store.run("inbound.decide", held);
  expect(await world.store.run("inbound.decide", proposalOf(world, mail))).toMatchObject({ outcome: "delivered" });
  expect(await endHeld(world, held)).toMatchObject({ outcome: "delivered" });
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
  const decision = await endHeld(world, proposal, "reject");
  expect(decision).toMatchObject({ outcome: "discarded", reason: "discarded_by_person", capabilities: [], reservations: [] });
  expect(await store.run("messages.get", { tenant, id, view: "agent" })).toBeNull();
  expect(await store.run("messages.get", { tenant, id, view: "all" })).toMatchObject({ outcome: "discarded", delivery_seq: null });
  expect(await store.run("messages.references", { tenant, digest: proposal.input.ref.digest })).toBe(false);
});

it("of two people who decide at once one decides; who decided may ask again", async () => {
  const world = await openWorld();
  const { proposal, id } = await hold(world);
  const people = await Promise.all([1, 2].map(() => addKey(world, ["oversight"])));
  const attempts = people.map((person) => attemptOf(world, id, "approve", person));
  const answers = await Promise.all(attempts.map((attempt) => decide(world, attempt)));
  expect(answers.map(outcomeOf).toSorted()).toEqual(["already_decided", "approved"]);
  const first = answers.findIndex((answer) => outcomeOf(answer) === "approved");
  expect(await decide(world, { ...attempts[first]!, decision_id: newId("dec") })).toEqual(answers[first]);
  const rows = await world.store.run("decisions.list", {
    tenant: world.tenant,
    mailbox: world.mailbox,
    message: proposal.input.message,
    limit: 9,
  });
  expect(rows.items.filter(({ decision }) => decision.stage === "release")).toHaveLength(1);
});

it("what does not wait cannot be released, and what is not there is not found", async () => {
  const world = await openWorld();
  const person = await addKey(world, ["oversight"]);
  for (const outcome of ["delivered", "rejected_at_policy"] as const) {
    const proposal = proposalOf(world, { proposal: { outcome } });
    await world.store.run("inbound.decide", proposal);
    expect(outcomeOf(await decide(world, attemptOf(world, proposal.input.message, "approve", person))), outcome).toBe("not_found");
  }
  expect(outcomeOf(await decide(world, attemptOf(world, newId("msg"), "approve", person)))).toBe("not_found");
});

it("the note and the addresses of a release are erasable, the entry itself holds none of them", async () => {
  const world = await openWorld();
  const { proposal, id } = await hold(world);
  const { id: decision } = await endHeld(world, proposal, "approve", "spoke with her on the phone");
  const entries = await world.store.run("audit.of_message", { tenant: world.tenant, message: id });
  const entry = entries.find(({ leaf }) => leaf.includes(decision));
  expect(entry!.details).toMatchObject({ note: "spoke with her on the phone", from: "boss@acme.example" });
  expect(entry!.leaf).not.toContain("phone");
  expect(entry!.leaf).not.toContain("@");
  await world.store.run("audit.erase_expired", { now: NOON + 91 * DAY, limit: 100 });
  const after = await world.store.run("audit.of_message", { tenant: world.tenant, message: id });
  expect(after.map((row) => row.details)).toEqual([null, null, null]);
});
