import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTemporal, type TemporalServer } from "../../src/dev/temporal.ts";
import { findTemporal } from "../../src/dev/temporal/find.ts";
import { createProgress } from "../../src/dev/temporal/progress.ts";
import { startChild, type Child } from "./child.ts";
import { mean, median } from "./figures.ts";
import { deliver, pull } from "./load.ts";
import { openMailSource, ZONE, type MailSource } from "./mail.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";
import { BENCH_POLICY } from "./policy.ts";
import { processorMs } from "./processor.ts";
import type { EmptyRuns, Place, Setup } from "./whole-path-process.ts";

const CONNECTIONS = 30;
const TO = "assistant@acme.example";

export const wholePath: Measurement = {
  name: "whole-path",
  about:
    "SMTP → decision → pull at 30 connections, against an empty workflow (eager start, three no-op local activities) on the same server in the same process, " +
    "in turns; its caller hears from the last step in the same process, as the door does of a decision. The answer is the time from the final dot to the reply. Medians over the rounds. " +
    "Processor time is that of all threads; what drives the load is a process of its own and not counted, but shares the cores.",
  async run(terms) {
    const dataDir = await mkdtemp(join(tmpdir(), "postern-bench-"));
    const server = await startTemporal({ executable: await findTemporal(process.env, createProgress(process.stderr)), dataDir });
    try {
      await mkdir(join(dataDir, "postern"));
      const setup: Setup = { temporal: server.address, dataDir: join(dataDir, "postern"), zone: ZONE, policy: BENCH_POLICY };
      const child = await startChild(new URL("./whole-path-process.ts", import.meta.url), setup);
      try {
        return await measure(terms, { child, server, source: await openMailSource() });
      } finally {
        await child.stop();
      }
    } finally {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
};

interface Rig {
  readonly child: Child;
  readonly server: TemporalServer;
  readonly source: MailSource;
}

/** Milliseconds, except for `rate`. */
interface Round {
  /** A second. */
  readonly rate: number;
  readonly p50: number;
  /** Processor time for each message or workflow, of the instance and of the Temporal server. */
  readonly instance: number;
  readonly temporal: number;
}

interface Rounds {
  readonly empty: readonly Round[];
  readonly postern: readonly Round[];
}

async function measure({ quick, say }: Terms, { child, server, source }: Rig): Promise<readonly Figure[]> {
  say(`whole-path: ${source.origin}`);
  const place = await child.ask<Place>("place");
  const agent = createAgent(place);
  const round = async (count: number, work: () => Promise<readonly number[]>): Promise<Round> => {
    const used = (): Promise<number[]> => Promise.all([processorMs(child.pid), processorMs(server.pid)]);
    const [before, started] = [await used(), performance.now()];
    const each = await work();
    const ms = performance.now() - started;
    const [instance = NaN, temporal = NaN] = (await used()).map((after, index) => (after - (before[index] ?? NaN)) / count);
    return { rate: (count * 1000) / ms, p50: median(each), instance, temporal };
  };
  const path = (mails: readonly Buffer[], atOnce: number): Promise<Round> =>
    round(mails.length, async () => {
      const pulled = agent(mails.length);
      const answers = await deliver({ port: place.smtp, to: TO, peers: true }, mails, atOnce);
      await pulled;
      return answers;
    });
  const empty = (runs: EmptyRuns): Promise<Round> =>
    round(runs.count, async () => (await child.ask<{ each: number[] }>("empty", runs)).each);
  const alternate = async (rounds: number, count: number, atOnce: number): Promise<Rounds> => {
    const seen = { empty: [] as Round[], postern: [] as Round[] };
    for (let nth = 1; nth <= rounds; nth += 1) {
      const mails = await source.take(count);
      say(`whole-path: round ${nth} of ${rounds}, ${atOnce} at once`);
      // Neither is always the one that comes first.
      if (nth % 2 === 0) seen.postern.push(await path(mails, atOnce));
      seen.empty.push(await empty({ count, atOnce, told: "step" }));
      if (nth % 2 === 1) seen.postern.push(await path(mails, atOnce));
    }
    return seen;
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

function medianOf(rounds: readonly Round[], figure: keyof Round): number {
  return median(rounds.map((round) => round[figure]));
}

/** Median of the rounds' own ratios: what drifts, drifts for both. */
function ratio({ empty, postern }: Rounds, figure: keyof Round): number {
  return median(postern.map((round, index) => round[figure] / (empty[index]?.[figure] ?? NaN)));
}
