import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import type { DraftId } from "../../src/model/ids.ts";
import type { ScreenProposal, SendCaps } from "../../src/store/contract-outbound.ts";
import { openRows, type Rows } from "../support/postgres/rows.ts";
import { addTenant, DAY, HOUR, MINUTE, newDomain, NOON } from "./samples.ts";
import { addKey, atSending, letterOf, screen, screenedAgain, setMode, type OutboundWorld } from "./outbound-samples.ts";
import { openStore, runs } from "./world.ts";

interface Step {
  /** The first step of a draft submits it, later ones are its sending. */
  readonly draft: number;
  /** After noon, in no order: screenings overtake each other. */
  readonly minute: number;
  /** Milliseconds: sends are counted by the minute, and windows begin within one. */
  readonly past: number;
  /** Asked again at once, by the same run and by another. */
  readonly repeated: boolean;
}

const step = fc.record<Step>({
  draft: fc.nat(11),
  minute: fc.integer({ min: 0, max: 2 * 24 * 60 }),
  past: fc.constantFrom(0, 1, 30_000, MINUTE - 1),
  repeated: fc.boolean(),
});
const steps = fc.array(step, { minLength: 1, maxLength: 30 });

const someCaps = fc.record<SendCaps>({ perHour: fc.integer({ min: 0, max: 3 }), perDay: fc.integer({ min: 0, max: 6 }) });

it("NY-13 PB-06 no window is ever over its cap, in whatever order drafts are submitted and sent, and a draft is charged once", async () => {
  const opened = await openReadable();
  await fc.assert(
    fc.asyncProperty(steps, someCaps, async (taken, caps) => {
      const world = await openMailbox(opened);
      const went = new Set<DraftId>();
      for (const { proposal, repeated } of proposalsOf(world, taken, caps)) {
        if (proposal.stage === "send" && !went.has(proposal.input.draft)) continue;
        const { decision } = await screen(world.store, proposal);
        if (repeated) await repeat(world, proposal, decision.id);
        if (decision.outcome !== "rate_limited") went.add(proposal.input.draft);
        expectWindowsToHold(reservationsOf(world), went, caps);
      }
    }),
    { numRuns: runs(30) },
  );
});

it("NY-13 PB-06 nor when everything is asked at once", async () => {
  const opened = await openReadable();
  await fc.assert(
    fc.asyncProperty(steps, someCaps, async (taken, caps) => {
      const world = await openMailbox(opened);
      const [submits, sends] = split(proposalsOf(world, taken, caps).map(({ proposal }) => proposal));
      const submitted = await Promise.all(
        submits.flatMap((proposal) => [proposal, screenedAgain(proposal)]).map((one) => screen(world.store, one)),
      );
      const admitted = submitted.filter(({ decision }) => decision.outcome === "queued").map(({ decision }) => decision.message);
      const went = new Set(submits.filter(({ input }) => admitted.includes(input.message)).map(({ input }) => input.draft));
      expectWindowsToHold(reservationsOf(world), went, caps);
      await Promise.all(sends.filter(({ input }) => went.has(input.draft)).map((one) => screen(world.store, one)));
      expectWindowsToHold(reservationsOf(world), went, caps);
    }),
    { numRuns: runs(30) },
  );
});

it("NY-13 one after the other, exactly what the windows have room for goes, and waits until they have", async () => {
  const opened = await openReadable();
  await fc.assert(
    fc.asyncProperty(steps, someCaps, async (taken, caps) => {
      const world = await openMailbox(opened);
      const reserved = new Map<DraftId, number>();
      for (const { proposal } of proposalsOf(world, taken, caps)) {
        const { draft } = proposal.input;
        if (proposal.stage === "send" && !reserved.has(draft)) continue;
        const fits = (at: number) => hasRoom(reserved, draft, caps, at);
        const { wait_until } = await screen(world.store, proposal);
        expect(wait_until === null).toBe(fits(proposal.at));
        if (wait_until === null) reserved.set(draft, proposal.at);
        else if (caps.perHour > 0 && caps.perDay > 0) expect([fits(wait_until), fits(wait_until - 1)]).toEqual([true, false]);
      }
      expect(reservationsOf(world)).toEqual(reserved);
    }),
    { numRuns: runs(30) },
  );
});

interface Readable extends Pick<OutboundWorld, "store" | "path"> {
  readonly rows: Rows;
}

async function openReadable(): Promise<Readable> {
  const opened = await openStore();
  const rows = openRows(opened.path);
  onTestFinished(() => rows.close());
  return { ...opened, rows };
}

async function openMailbox({ store, path, rows }: Readable): Promise<OutboundWorld & Readable> {
  const { tenant, mailbox } = await addTenant(store, newDomain());
  const author = await addKey(store, tenant, ["send"]);
  const world = { store, path, rows, tenant, mailbox, author, approver: author };
  setMode(world, "autonomous");
  return world;
}

function proposalsOf(world: OutboundWorld, taken: readonly Step[], caps: SendCaps): { proposal: ScreenProposal; repeated: boolean }[] {
  const letters = new Map<number, ScreenProposal>();
  return taken.map(({ draft, minute, past, repeated }) => {
    const at = NOON + minute * MINUTE + past;
    const known = letters.get(draft);
    const proposal = known === undefined ? letterOf(world, { at, proposal: { caps } }) : atSending(known, { at });
    if (known === undefined) letters.set(draft, proposal);
    return { proposal, repeated };
  });
}

async function repeat({ store }: OutboundWorld, proposal: ScreenProposal, decision: string): Promise<void> {
  expect((await screen(store, screenedAgain(proposal))).decision.id).toBe(decision);
  if (proposal.stage === "send") await screen(store, screenedAgain(proposal, { run: "another" }));
}

function split(proposals: readonly ScreenProposal[]): [submits: ScreenProposal[], sends: ScreenProposal[]] {
  return [proposals.filter(({ stage }) => stage === "submit"), proposals.filter(({ stage }) => stage === "send")];
}

function reservationsOf({ rows, mailbox }: OutboundWorld & Readable): Map<DraftId, number> {
  const found = rows.prepare("select draft, at from sends where mailbox = ?").all(mailbox);
  return new Map(found.map((row) => [row["draft"] as DraftId, Number(row["at"])]));
}

function expectWindowsToHold(reserved: ReadonlyMap<DraftId, number>, went: ReadonlySet<DraftId>, caps: SendCaps): void {
  expect(new Set(reserved.keys())).toEqual(went);
  const times = [...reserved.values()];
  for (const last of times) {
    const within = (window: number) => times.filter((at) => at > last - window && at <= last).length;
    expect(within(HOUR)).toBeLessThanOrEqual(caps.perHour);
    expect(within(DAY)).toBeLessThanOrEqual(caps.perDay);
  }
}

/** NY-13, written down once more in the plainest way. */
function hasRoom(reserved: ReadonlyMap<DraftId, number>, draft: DraftId, caps: SendCaps, at: number): boolean {
  const others = [...reserved].filter(([other]) => other !== draft).map(([, time]) => time);
  const within = (window: number) => others.filter((time) => at - time < window).length;
  return within(HOUR) < caps.perHour && within(DAY) < caps.perDay;
}
