import fc from "fast-check";
import { expect, it } from "vitest";
import type { InboundProposal, Store } from "../../src/store/contract.ts";
import { addTenant, again, DAY, from, HOUR, MINUTE, newDomain, newId, NOON, proposalOf } from "./samples.ts";
import { openStore, runs } from "./world.ts";

interface Step {
  readonly sender: number;
  readonly thread: number;
  /** Minutes after noon, in no order: judgements overtake each other. */
  readonly minute: number;
  readonly tokens: number;
  /** Judged again at once, by the same run and by another. */
  readonly repeated: boolean;
}

interface Limits {
  readonly perHour: number;
  readonly perDay: number;
  readonly tokensPerThread: number;
  readonly tokensPerDay: number;
}

const step = fc.record<Step>({
  sender: fc.nat(1),
  thread: fc.nat(2),
  minute: fc.integer({ min: 0, max: 2 * 24 * 60 }),
  tokens: fc.integer({ min: 0, max: 60 }),
  repeated: fc.boolean(),
});

const limits = fc.record<Limits>({
  perHour: fc.integer({ min: 1, max: 3 }),
  perDay: fc.integer({ min: 1, max: 6 }),
  tokensPerThread: fc.integer({ min: 1, max: 200 }),
  tokensPerDay: fc.integer({ min: 1, max: 150 }),
});

it("MB-07 MB-08 no window or budget is ever over its limit, in whatever order messages come, and a retry charges nothing", async () => {
  const { store } = await openStore();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), limits, fc.boolean(), async (steps, limits, atOnce) => {
      const proposals = await proposalsOf(store, steps, limits);
      const admitted = atOnce ? await decideAtOnce(store, proposals, steps) : await decideInTurn(store, proposals, steps);
      expectWindowsToHold(admitted, limits);
    }),
    { numRuns: runs(40) },
  );
});

it("MB-07 MB-08 one after the other, exactly what the rules say is admitted", async () => {
  const { store } = await openStore();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), limits, async (steps, limits) => {
      const entries: { proposal: InboundProposal; rated: boolean; charged: boolean }[] = [];
      for (const proposal of await proposalsOf(store, steps, limits)) {
        const expected = model(entries, proposal, limits);
        const { outcome, reason } = await store.run("inbound.decide", proposal);
        expect({ outcome, reason }).toEqual(expected);
        entries.push({ proposal, rated: outcome !== "rate_limited", charged: outcome === "delivered" });
      }
    }),
    { numRuns: runs(40) },
  );
});

async function proposalsOf(store: Store, steps: readonly Step[], limits: Limits): Promise<InboundProposal[]> {
  const world = await addTenant(store, newDomain());
  const threads = [newId("thr"), newId("thr"), newId("thr")];
  return steps.map(({ sender, thread, minute, tokens }) =>
    proposalOf(world, {
      facts: { ...from(`sender${sender}@x.example`), thread: threads[thread]!, tokens },
      limits,
      at: NOON + minute * MINUTE,
    }),
  );
}

async function decideInTurn(store: Store, proposals: readonly InboundProposal[], steps: readonly Step[]): Promise<InboundProposal[]> {
  const admitted: InboundProposal[] = [];
  for (const [index, proposal] of proposals.entries()) {
    const decision = await store.run("inbound.decide", proposal);
    if (steps[index]!.repeated) {
      expect(await store.run("inbound.decide", again(proposal))).toEqual(decision);
      expect(await store.run("inbound.decide", again(proposal, { run: "another", at: proposal.at + HOUR }))).toEqual(decision);
    }
    if (decision.outcome === "delivered") admitted.push(proposal);
  }
  return admitted;
}

async function decideAtOnce(store: Store, proposals: readonly InboundProposal[], steps: readonly Step[]): Promise<InboundProposal[]> {
  const decided = await Promise.all(
    proposals.map(async (proposal, index) => {
      const tries = [proposal, ...(steps[index]!.repeated ? [again(proposal), again(proposal, { run: "another" })] : [])];
      const decisions = await Promise.all(tries.map((attempt) => store.run("inbound.decide", attempt)));
      for (const decision of decisions) expect(decision).toEqual(decisions[0]);
      return decisions[0]!.outcome === "delivered";
    }),
  );
  return proposals.filter((_, index) => decided[index]);
}

function expectWindowsToHold(admitted: readonly InboundProposal[], limits: Limits): void {
  for (const last of admitted) {
    const same = admitted.filter((other) => senderOf(other) === senderOf(last));
    const within = (window: number) => same.filter(({ at }) => at > last.at - window && at <= last.at);
    expect(within(HOUR).length).toBeLessThanOrEqual(limits.perHour);
    expect(within(DAY).length).toBeLessThanOrEqual(limits.perDay);
    expect(tokensOf(within(DAY))).toBeLessThanOrEqual(limits.tokensPerDay);
    expect(tokensOf(admitted.filter((other) => other.facts!.thread === last.facts!.thread))).toBeLessThanOrEqual(limits.tokensPerThread);
  }
}

/** DESIGN §3, written down once more in the plainest way. */
function model(
  entries: readonly { proposal: InboundProposal; rated: boolean; charged: boolean }[],
  next: InboundProposal,
  limits: Limits,
): { outcome: string; reason: string } {
  const recent = (window: number) =>
    entries.filter(({ proposal }) => senderOf(proposal) === senderOf(next) && next.at - proposal.at < window);
  const rated = (window: number) => recent(window).filter((entry) => entry.rated).length;
  const charged = (of: readonly { proposal: InboundProposal; charged: boolean }[]) =>
    tokensOf(of.filter((entry) => entry.charged).map((entry) => entry.proposal));
  const fits = (spent: number, limit: number) => spent < limit && spent + next.facts!.tokens <= limit;
  if (rated(HOUR) >= limits.perHour) return { outcome: "rate_limited", reason: "rate_limit_per_hour" };
  if (rated(DAY) >= limits.perDay) return { outcome: "rate_limited", reason: "rate_limit_per_day" };
  const inThread = entries.filter(({ proposal }) => proposal.facts!.thread === next.facts!.thread);
  if (!fits(charged(inThread), limits.tokensPerThread)) return { outcome: "budget_exhausted", reason: "token_budget_per_thread" };
  if (!fits(charged(recent(DAY)), limits.tokensPerDay)) return { outcome: "budget_exhausted", reason: "token_budget_per_day" };
  return { outcome: "delivered", reason: "sender_rule" };
}

function senderOf({ facts }: InboundProposal): string {
  return facts!.identity.kind === "sender" ? facts!.identity.address : "";
}

function tokensOf(proposals: readonly InboundProposal[]): number {
  return proposals.reduce((sum, { facts }) => sum + facts!.tokens, 0);
}
