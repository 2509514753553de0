import fc from "fast-check";
import { expect, it } from "vitest";
import type { ScreenProposal } from "../../src/store/contract-outbound.ts";
import { to, type OutboundWorld } from "./outbound-samples.ts";
import { ANN, BEN, claim, draftOf, fates, open, openSendingWorld, queued, record, settlementOf } from "./send-samples.ts";
import { runs } from "./world.ts";

const CAROL = "carol@acme.example";
const ALL = [ANN, BEN, CAROL];
const CAPS = { perHour: 1_000_000, perDay: 1_000_000 };

/** What one of three workers, or a person, does next. A worker that dies forgets what it was at. */
type Step =
  | { readonly who: number; readonly does: "open" | "die" | "say nothing went out" | "say unknown" }
  | { readonly who: number; readonly does: "claim"; readonly taken: readonly string[] }
  | { readonly who: number; readonly does: "record"; readonly codes: readonly number[] }
  | { readonly who: null; readonly does: "resend" | "settle sent" | "settle failed" };

const who = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ who, does: fc.constant("open" as const) }) },
  { weight: 6, arbitrary: fc.record({ who, does: fc.constant("claim" as const), taken: fc.subarray(ALL, { minLength: 1 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      who,
      does: fc.constant("record" as const),
      codes: fc.array(fc.constantFrom(250, 250, 451, 451, 550), { minLength: 3, maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ who, does: fc.constantFrom("die" as const, "say nothing went out" as const, "say unknown" as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      who: fc.constant(null),
      does: fc.constantFrom("resend" as const, "settle sent" as const, "settle failed" as const),
    }),
  },
);

/** What a worker is at. `out`: those whom the peer may have given it to, from the moment of the claim. */
interface At {
  readonly attempt: number;
  readonly recipients: readonly string[];
  readonly out: readonly string[];
}

/** The world outside: how often each recipient may have been given the mail, and how often people ordered that. */
class Outside {
  readonly given = new Map(ALL.map((recipient) => [recipient, 0]));
  readonly ordered = new Map(ALL.map((recipient) => [recipient, 0]));

  add(counts: Map<string, number>, recipients: readonly string[], by: number): void {
    for (const recipient of recipients) counts.set(recipient, counts.get(recipient)! + by);
  }
}

async function play(world: OutboundWorld, letter: ScreenProposal, steps: readonly Step[]): Promise<void> {
  const outside = new Outside();
  const workers: (At | null)[] = [null, null, null];
  for (const step of steps) {
    if (step.who === null) await speak(world, letter, outside, step.does);
    else workers[step.who] = await work(world, letter, outside, step, workers[step.who] ?? null);
    for (const recipient of ALL) {
      // INVARIANT (DESIGN §9.7): nobody gets it twice, unless a person said so.
      expect(outside.given.get(recipient)).toBeLessThanOrEqual(1 + outside.ordered.get(recipient)!);
    }
  }
}

async function work(world: OutboundWorld, letter: ScreenProposal, outside: Outside, step: Step, at: At | null): Promise<At | null> {
  switch (step.does) {
    case "open": {
      const opened = await open(world, letter, { caps: CAPS });
      return opened.kind === "open" ? { attempt: opened.attempt, recipients: opened.recipients, out: [] } : null;
    }
    case "claim": {
      const taken = at === null ? [] : step.taken.filter((recipient) => at.recipients.includes(recipient));
      if (at === null || taken.length === 0) return at;
      const before = await fates(world, letter);
      const answer = await claim(world, letter, at.attempt, { caps: CAPS, accepted: taken });
      if (!answer.claimed) return at;
      // Nobody's fate is unknown while mail goes out, and nobody has it who is given it.
      expect(Object.values(before)).not.toContain("unknown");
      for (const recipient of taken) expect(before[recipient]).toMatch(/^(pending|deferred)/);
      outside.add(outside.given, taken, 1);
      return { ...at, out: taken };
    }
    case "record": {
      if (at === null) return null;
      const said = at.recipients.map((recipient, index) => {
        const code = step.codes[index]!;
        return [recipient, at.out.includes(recipient) || code >= 400 ? code : 450] as const;
      });
      await record(world, letter, at.attempt, "completed", Object.fromEntries(said));
      outside.add(
        outside.given,
        at.out.filter((recipient) => Object.fromEntries(said)[recipient]! >= 400),
        -1,
      );
      return null;
    }
    case "say nothing went out":
      if (at === null) return null;
      await record(
        world,
        letter,
        at.attempt,
        "failed_before_data",
        Object.fromEntries(at.recipients.map((recipient) => [recipient, null])),
      );
      outside.add(outside.given, at.out, -1);
      return null;
    case "say unknown":
      if (at === null || at.out.length === 0) return at;
      await record(world, letter, at.attempt, "unknown", Object.fromEntries(at.out.map((recipient) => [recipient, null])));
      return null;
    default:
      return null;
  }
}

async function speak(world: OutboundWorld, letter: ScreenProposal, outside: Outside, does: Step["does"]): Promise<void> {
  const before = await fates(world, letter);
  const unknown = ALL.filter((recipient) => before[recipient] === "unknown");
  const settlement =
    does === "resend"
      ? settlementOf(world, letter.input.draft, "resend")
      : settlementOf(world, letter.input.draft, "settle", { as: does === "settle sent" ? "sent" : "failed" });
  const answer = await world.store.run("sends.settle", settlement);
  expect(answer.result).toBe(unknown.length > 0 ? "accepted" : "refused");
  if (answer.result === "accepted" && does === "resend") outside.add(outside.ordered, unknown, 1);
}

it("X-06 under any interleaving of workers, deaths, late answers and people nobody gets a mail twice unless a person said so", async () => {
  const world = await openSendingWorld();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const letter = await queued(world, { recipients: to(...ALL), proposal: { caps: CAPS } });
      await play(world, letter, steps);
      const states = Object.values(await fates(world, letter)).map((fate) => fate.split(" ")[0]);
      const { state } = (await draftOf(world, letter))!;
      if (states.includes("unknown")) expect(state).toBe("unknown");
      else if (state === "sent") expect(states).toContain("accepted");
      else if (state === "failed") expect(new Set(states)).toEqual(new Set(["refused"]));
    }),
    { numRuns: runs(400) },
  );
}, 120_000);
