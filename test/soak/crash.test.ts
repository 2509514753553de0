import { describe, inject, it } from "vitest";
import { expectDurable } from "../durability/expectations.ts";
import { figures } from "../durability/figures.ts";
import { planMail } from "../durability/mail.ts";
import { chooseSeed, Random } from "../durability/random.ts";
import { runScenario } from "../durability/scenario.ts";
import { planRealMail } from "./corpus.ts";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";

const executable = inject("temporalExecutable");
const MESSAGES = Number(process.env["SOAK_MESSAGES"] || 500);
/** One kill for so many messages. */
const PER_KILL = 28;

describe.skipIf(executable === null)(`killed under load${skippedFor(executable === null ? OTHERS_SERVER : null)}`, () => {
  it("MB-10 PB-09 hundreds of messages, a third of them real, with kills of service, Temporal and both at once", async () => {
    const seed = chooseSeed();
    console.log(`DURABILITY_SEED=${seed}`);
    const random = new Random(seed);
    const real = await planRealMail(random, Math.floor(MESSAGES / 3));
    const mail = [...real, ...(await planMail(random, MESSAGES - real.length))];
    const kills = Math.max(3, Math.floor(MESSAGES / PER_KILL));
    const some = Math.ceil(kills / 5);
    const report = await runScenario({
      executable: executable!,
      seed,
      mail,
      senders: 12,
      kills: { service: kills - 2 * some, temporal: some, both: some },
    });
    console.log(`${real.length} of real mail\n${figures(report)}`);
    expectDurable(report);
  });
});
