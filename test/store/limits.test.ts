import { expect, it } from "vitest";
import { again, DAY, from, HOUR, newId, NOON, proposalOf } from "./samples.ts";
import { openWorld } from "./world.ts";

it("MB-07 of 50 messages at once against 20 per hour exactly 20 are delivered", async () => {
  const world = await openWorld();
  const decisions = await Promise.all(
    Array.from({ length: 50 }, () => world.store.run("inbound.decide", proposalOf(world, { limits: { perHour: 20 } }))),
  );
  const refused = decisions.filter(({ outcome }) => outcome === "rate_limited");
  expect(decisions.filter(({ outcome }) => outcome === "delivered")).toHaveLength(20);
  expect(refused).toHaveLength(30);
  expect(refused[0]).toMatchObject({ reason: "rate_limit_per_hour", judged_at: "rate_limit", capabilities: [], reservations: [] });
});

it("MB-07 an entry counts for less than an hour: a message exactly an hour later is admitted, one before is not", async () => {
  const world = await openWorld();
  const decide = (at: number) => world.store.run("inbound.decide", proposalOf(world, { limits: { perHour: 1 }, at }));
  expect(await decide(NOON)).toMatchObject({ outcome: "delivered" });
  expect(await decide(NOON + HOUR - 1)).toMatchObject({ outcome: "rate_limited", reason: "rate_limit_per_hour" });
  expect(await decide(NOON + HOUR)).toMatchObject({ outcome: "delivered" });
});

it("MB-07 the day is a window of its own", async () => {
  const world = await openWorld();
  const decide = (at: number) => world.store.run("inbound.decide", proposalOf(world, { limits: { perHour: 2, perDay: 3 }, at }));
  for (const hour of [0, 2, 4]) expect(await decide(NOON + hour * HOUR)).toMatchObject({ outcome: "delivered" });
  expect(await decide(NOON + 6 * HOUR)).toMatchObject({ outcome: "rate_limited", reason: "rate_limit_per_day" });
  expect(await decide(NOON + DAY)).toMatchObject({ outcome: "delivered" });
});

it("MB-07 other senders and other mailboxes have windows of their own, other spellings of one sender do not", async () => {
  const world = await openWorld();
  const decide = (sender: string) => world.store.run("inbound.decide", proposalOf(world, { facts: from(sender), limits: { perHour: 1 } }));
  expect(await decide("boss@acme.example")).toMatchObject({ outcome: "delivered" });
  expect(await decide("Boss@ACME.example")).toMatchObject({ outcome: "rate_limited" });
  expect(await decide("bot@acme.example")).toMatchObject({ outcome: "delivered" });
});

it("MB-07 a new policy version with a limit counts the messages admitted before it", async () => {
  const world = await openWorld();
  await world.store.run("inbound.decide", proposalOf(world));
  expect(await world.store.run("inbound.decide", proposalOf(world, { limits: { perHour: 1 } }))).toMatchObject({ outcome: "rate_limited" });
});

it("MB-08 a thread's budget is refused when the estimate no longer fits", async () => {
  const world = await openWorld();
  const thread = newId("thr");
  const decide = (tokens: number, id = thread) =>
    world.store.run("inbound.decide", proposalOf(world, { facts: { thread: id, tokens }, limits: { tokensPerThread: 1000 } }));
  expect(await decide(600)).toMatchObject({ outcome: "delivered" });
  expect(await decide(401)).toMatchObject({ outcome: "budget_exhausted", reason: "token_budget_per_thread", judged_at: "token_budget" });
  expect(await decide(400)).toMatchObject({ outcome: "delivered" });
  expect(await decide(0)).toMatchObject({ outcome: "budget_exhausted" });
  expect(await decide(600, newId("thr"))).toMatchObject({ outcome: "delivered" });
});

it("MB-08 a first message over the whole budget is refused", async () => {
  const world = await openWorld();
  const decision = await world.store.run("inbound.decide", proposalOf(world, { facts: { tokens: 1001 }, limits: { tokensPerDay: 1000 } }));
  expect(decision).toMatchObject({ outcome: "budget_exhausted", reason: "token_budget_per_day" });
});

it("MB-08 a sender's budget is a rolling day over all threads", async () => {
  const world = await openWorld();
  const decide = (at: number) =>
    world.store.run("inbound.decide", proposalOf(world, { facts: { tokens: 600 }, limits: { tokensPerDay: 1000 }, at }));
  expect(await decide(NOON)).toMatchObject({ outcome: "delivered" });
  expect(await decide(NOON + DAY - 1)).toMatchObject({ outcome: "budget_exhausted" });
  expect(await decide(NOON + DAY)).toMatchObject({ outcome: "delivered" });
});

it("MB-08 the agent's report settles the estimate, in both directions", async () => {
  const world = await openWorld();
  const thread = newId("thr");
  const mail = { facts: { thread, tokens: 500 }, limits: { tokensPerThread: 1000 } };
  const first = proposalOf(world, mail);
  await world.store.run("inbound.decide", first);
  const settle = (tokens_consumed: number) =>
    world.store.run("messages.settle", { tenant: world.tenant, id: first.input.message, tokens_consumed, at: NOON });
  expect(await settle(501)).toMatchObject({ tokens_reserved: 500, tokens_consumed: 501 });
  expect(await world.store.run("inbound.decide", proposalOf(world, mail))).toMatchObject({ outcome: "budget_exhausted" });
  expect(await settle(500)).toMatchObject({ tokens_consumed: 500 });
  expect(await world.store.run("inbound.decide", proposalOf(world, mail))).toMatchObject({ outcome: "delivered" });
});

it("MB-12 a rate-limited message costs no tokens, a budget-exhausted one counts towards the rate", async () => {
  const world = await openWorld();
  const decide = (tokens: number, limits: object) => world.store.run("inbound.decide", proposalOf(world, { facts: { tokens }, limits }));
  expect(await decide(10, { perHour: 2 })).toMatchObject({ outcome: "delivered" });
  const exhausted = await decide(500, { perHour: 2, tokensPerDay: 100 });
  expect(exhausted).toMatchObject({ outcome: "budget_exhausted", reservations: [{ ledger: "rate", scope: "sender", amount: 1 }] });
  expect(await decide(80, { perHour: 2, tokensPerDay: 100 })).toMatchObject({ outcome: "rate_limited" });
  expect(await decide(90, { tokensPerDay: 100 })).toMatchObject({ outcome: "delivered" });
});

it("MB-12 a message that two limits refuse records the earlier", async () => {
  const world = await openWorld();
  await world.store.run("inbound.decide", proposalOf(world, { facts: { tokens: 100 } }));
  const limits = { perHour: 1, perDay: 1, tokensPerThread: 1, tokensPerDay: 1 };
  expect(await world.store.run("inbound.decide", proposalOf(world, { limits }))).toMatchObject({ reason: "rate_limit_per_hour" });
  expect(await world.store.run("inbound.decide", proposalOf(world, { limits: { ...limits, perHour: 9 } }))).toMatchObject({
    reason: "rate_limit_per_day",
  });
  expect(await world.store.run("inbound.decide", proposalOf(world, { limits: { ...limits, perHour: 9, perDay: 9 } }))).toMatchObject({
    reason: "token_budget_per_thread",
  });
});

it("MB-12 a message refused, held or dropped before the limits costs nothing", async () => {
  const world = await openWorld();
  for (const outcome of ["rejected_at_content_guard", "held", "quarantined", "discarded"] as const) {
    const decision = await world.store.run("inbound.decide", proposalOf(world, { proposal: { outcome, judged_at: "content_guards" } }));
    expect(decision).toMatchObject({ outcome, reservations: [] });
  }
  const limits = { perHour: 1, tokensPerDay: 100 };
  expect(await world.store.run("inbound.decide", proposalOf(world, { limits }))).toMatchObject({ outcome: "delivered" });
});

it("MB-07 `onLimit: defer` is not final, charges nothing, and the retry is judged afresh", async () => {
  const world = await openWorld();
  const mail = { limits: { perHour: 1, tokensPerThread: 1000, onLimit: "defer" as const } };
  await world.store.run("inbound.decide", proposalOf(world, mail));
  const late = proposalOf(world, mail);
  const deferral = await world.store.run("inbound.decide", late);
  expect(deferral).toMatchObject({ outcome: "deferred", reason: "rate_limit_per_hour", reservations: [], capabilities: [] });
  const message = late.input.message;
  expect(await world.store.run("decisions.final", { message, stage: "inbound" })).toBeNull();
  expect(await world.store.run("decisions.of_run", { message, run: late.trace.run_id })).toEqual(deferral);
  expect(await world.store.run("messages.get", { tenant: world.tenant, id: message, view: "all" })).toBeNull();
  expect(await world.store.run("audit.of_message", { tenant: world.tenant, message })).toEqual([]);

  const retry = await world.store.run("inbound.decide", again(late, { run: "run-2", at: NOON + HOUR }));
  expect(retry).toMatchObject({ outcome: "delivered", run: "run-2" });
  expect(await world.store.run("decisions.of_run", { message, run: late.trace.run_id })).toEqual(retry);
  expect(await world.store.run("audit.of_message", { tenant: world.tenant, message })).toHaveLength(1);
});

it("MB-08 a budget with `onLimit: defer` leaves the rate alone too", async () => {
  const world = await openWorld();
  const limits = { perHour: 2, tokensPerDay: 50, onLimit: "defer" as const };
  for (const [tokens, outcome] of [
    [30, "delivered"],
    [30, "deferred"],
    [5, "delivered"],
  ] as const) {
    expect(await world.store.run("inbound.decide", proposalOf(world, { facts: { tokens }, limits }))).toMatchObject({ outcome });
  }
});

it("MB-08 `onLimit: defer` refuses what is over the whole budget: no wait would help", async () => {
  const world = await openWorld();
  const limits = { tokensPerThread: 50, onLimit: "defer" as const };
  expect(await world.store.run("inbound.decide", proposalOf(world, { facts: { tokens: 51 }, limits }))).toMatchObject({
    outcome: "budget_exhausted",
    reason: "token_budget_per_thread",
  });
});
