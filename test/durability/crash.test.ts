import { describe, expect, inject, it } from "vitest";
import { expectDurable } from "./expectations.ts";
import { planMail } from "./mail.ts";
import { chooseSeed, Random } from "./random.ts";
import { runScenario } from "./scenario.ts";
import { figures } from "./figures.ts";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";

const executable = inject("temporalExecutable");

describe.skipIf(executable === null)(`killed under load${skippedFor(executable === null ? OTHERS_SERVER : null)}`, () => {
  it(
    "MB-10 PB-09 what was answered 250 is there exactly once, what was answered 550 is not, and nobody sees a message twice",
    { timeout: 240_000 },
    async () => {
      const seed = chooseSeed();
      console.log(`DURABILITY_SEED=${seed}`);
      const mail = await planMail(new Random(seed), 60);
      const report = await runScenario({ executable: executable!, seed, mail, senders: 6, kills: { service: 3, temporal: 1, both: 0 } });
      console.log(figures(report));
      expectDurable(report);
      expect(
        report.runs.some(({ told }) => told.length > 1),
        "some were judged together",
      ).toBe(true);
      expect(report.killed).toEqual({ service: 3, temporal: 1, both: 0 });
    },
  );
});
