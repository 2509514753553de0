import { nameOn, withDatabase, type Engine } from "./engine.ts";
import { mean } from "./figures.ts";
import type { EmptyRuns } from "./empty/runs.ts";
import { deliver, pull } from "./load.ts";
import { openMailSource, ZONE, type MailSource } from "./mail.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";
import { BENCH_POLICY } from "./policy.ts";
import { withRig, type Rig } from "./rig.ts";
import { inTurns, joined, measureRound, medianOf, ratio, type Round, type Rounds } from "./rounds.ts";
import type { Place, Setup } from "./whole-path-process.ts";

const CONNECTIONS = 30;
const TO = "assistant@acme.example";

export const wholePathOn = (engine: Engine): Measurement => ({
  name: nameOn(engine, "whole-path"),
  about:
    "SMTP → decision → pull at 30 connections, against an empty workflow (eager start, three no-op local activities) on the same server in the same process, " +
    "in turns; its caller hears from the last step in the same process, as the door does of a decision. The answer is the time from the final dot to the reply. A round is over when its last workflow has closed. Medians over the rounds. " +
    "Processor time is that of all threads; what drives the load is a process of its own and not counted, but shares the cores.",
  run: (terms) =>
    withDatabase(engine, (url) =>
      withRig(
        new URL("./whole-path-process.ts", import.meta.url),
        (place): Setup => ({ ...place, zone: ZONE, policy: BENCH_POLICY, ...(url === null ? {} : { env: { POSTERN_DATABASE_URL: url } }) }),
        async (rig) => measure(terms, rig, await openMailSource()),
      ),
    ),
});

async function measure({ quick, say }: Terms, rig: Rig, source: MailSource): Promise<readonly Figure[]> {
  say(`whole-path: ${source.origin}`);
  const { child } = rig;
  const place = await child.ask<Place>("place");
  const agent = createAgent(place);
  const path = (mails: readonly Buffer[], atOnce: number): Promise<Round> =>
    measureRound(rig, mails.length, async () => {
      const pulled = agent(mails.length);
      const answers = await deliver({ port: place.smtp, to: TO, peers: true }, mails, atOnce);
      await pulled;
      return answers;
    });
  const empty = (runs: Omit<EmptyRuns, "workflow">): Promise<Round> =>
    measureRound(rig, runs.count, async () => (await child.ask<{ each: number[] }>("empty", { ...runs, workflow: "empty" })).each);
  const alternate = async (rounds: number, count: number, atOnce: number): Promise<Rounds> => {
    const seen: Rounds[] = [];
    for (let nth = 1; nth <= rounds; nth += 1) {
      const mails = await source.take(count);
      say(`whole-path: round ${nth} of ${rounds}, ${atOnce} at once`);
      seen.push(
        await inTurns(
          nth,
          () => path(mails, atOnce),
          () => empty({ count, atOnce, told: "step" }),
        ),
      );
    }
    return joined(seen);
  };
  // Long enough for the compilers to have seen most of the code: a service runs for weeks.
  await alternate(1, quick ? 150 : 400, CONNECTIONS);
  const busy = await alternate(quick ? 2 : 5, quick ? 120 : 150, CONNECTIONS);
  const alone = await alternate(quick ? 1 : 3, 20, 1);
  const byServer = await empty({ count: 20, atOnce: 1, told: "server" });
  const sizes = (await source.take(100)).map(({ length }) => length);
  return [
    ...busyFigures(busy),
    ...aloneFigures(alone),
    { what: "empty workflow p50 alone, result from the server", value: byServer.p50, unit: "ms" },
    { what: "mean size of a message", value: mean(sizes), unit: "bytes" },
  ];
}

/** Goes on where it stopped. */
function createAgent(place: Place): (count: number) => Promise<void> {
  let cursor: string | null = null;
  return async (count) => {
    cursor = await pull(place, count, cursor);
  };
}

function busyFigures(rounds: Rounds): readonly Figure[] {
  const { empty, postern } = rounds;
  const processor = (seen: readonly Round[]): number => medianOf(seen, "instance") + medianOf(seen, "temporal");
  return [
    { what: "whole path / empty workflow, messages a second", value: ratio(rounds, "rate"), unit: "×", target: { least: 0.8 } },
    { what: "whole path / empty workflow, until the last is heard of", value: ratio(rounds, "heard"), unit: "×", target: { least: 0.8 } },
    { what: "whole path", value: medianOf(postern, "rate"), unit: "messages/s" },
    { what: "empty workflow", value: medianOf(empty, "rate"), unit: "workflows/s" },
    { what: "answer / empty workflow, p50 at 30", value: ratio(rounds, "p50"), unit: "×", target: { most: 1.5 } },
    { what: "answer p50 at 30", value: medianOf(postern, "p50"), unit: "ms" },
    { what: "empty workflow p50 at 30", value: medianOf(empty, "p50"), unit: "ms" },
    { what: "processor time, empty workflow / whole path", value: processor(empty) / processor(postern), unit: "×" },
    { what: "processor time of the instance, a message", value: medianOf(postern, "instance"), unit: "ms" },
    { what: "processor time of the instance, an empty workflow", value: medianOf(empty, "instance"), unit: "ms" },
    { what: "processor time of the Temporal server, a message", value: medianOf(postern, "temporal"), unit: "ms" },
    { what: "processor time of the Temporal server, an empty workflow", value: medianOf(empty, "temporal"), unit: "ms" },
  ];
}

function aloneFigures(rounds: Rounds): readonly Figure[] {
  return [
    { what: "answer / empty workflow, p50 alone", value: ratio(rounds, "p50"), unit: "×" },
    { what: "answer p50 alone", value: medianOf(rounds.postern, "p50"), unit: "ms" },
    { what: "empty workflow p50 alone", value: medianOf(rounds.empty, "p50"), unit: "ms" },
  ];
}
