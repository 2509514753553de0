import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { findTemporal } from "../../src/dev/temporal/find.ts";
import { createProgress } from "../../src/dev/temporal/progress.ts";
import { Estate } from "../durability/estate.ts";
import { lackOfPostgres } from "../support/postgres/server.ts";
import { findGateway, NO_GATEWAY } from "../support/s3-gateway.ts";
import { writeBundle } from "../support/workflow-bundle.ts";
import { measureRound, openMailbox, type Round } from "./estate-rounds.ts";
import { openMailSource, SENDER, type MailSource } from "./mail.ts";
import type { Figure, Measurement, Skipped, Terms } from "./measurement.ts";
import { HAS_PROC } from "./processor.ts";
import { toFigures } from "./workers-figures.ts";

const ABOUT_10_KB = { least: 8_000, most: 14_000 };

export const workers: Measurement = {
  name: "workers",
  about:
    "One gateway and one worker against the same gateway and two workers, each a process, on one PostgreSQL, one S3-compatible bucket and one Temporal server (its state in SQLite), " +
    "SMTP → decision at 30 connections with mail of about 10 KB, in turns: one, two, two, one. The second worker is started anew for each such turn and warmed up before it counts. " +
    "The answer is the time from the final dot to the reply. Every figure is the median over the turns of the mean of a turn's two rounds, the longest answer that of all rounds. " +
    (HAS_PROC
      ? "Processor time is that of all threads, for PostgreSQL of all its processes; what drives the load is a process of its own and not counted, but shares the cores. "
      : "There is no /proc here, so processor time is left out. ") +
    `What it means: ${meaning(cpus().length)}`,
  run: measureHere,
};

/** With a single worker the parts keep one core and a half busy already, and what drives the load the rest of two. */
function meaning(cores: number): string {
  if (cores > 2)
    return `with ${cores} cores a second worker helps as far as a core is free for it and the Temporal server is not the limit.`;
  return `on ${cores === 1 ? "one core" : "two cores"} everything shares them: a second worker can only show that it does no harm (ratios near 1); a gain takes more cores.`;
}

async function measureHere(terms: Terms): Promise<readonly Figure[] | Skipped> {
  const bucket = findGateway();
  if (bucket === null) return { skipped: NO_GATEWAY };
  const lack = await lackOfPostgres();
  if (lack !== null) return { skipped: `no PostgreSQL: ${lack}` };
  const executable = await findTemporal(process.env, createProgress(process.stderr)).catch((error: Error) => error);
  if (executable instanceof Error) return { skipped: executable.message };
  const folder = await mkdtemp(join(tmpdir(), "postern-bench-"));
  try {
    const places = { executable, bucket, bundle: await writeBundle(folder) };
    const estate = await Estate.start({ ...places, signers: [SENDER], gateways: 1, workers: 1 });
    try {
      return await measure(terms, estate, await openMailSource());
    } finally {
      await estate.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure({ quick, say }: Terms, estate: Estate, source: MailSource): Promise<readonly Figure[]> {
  say(`workers: ${source.origin}`);
  await openMailbox(estate);
  const [turns, count, warming] = quick ? [1, 150, 150] : [3, 150, 300];
  const round = async (mails: readonly Buffer[]): Promise<Round> => {
    const seen = await measureRound(estate, mails);
    say(
      `workers: ${estate.workers.length} of them, ${mails.length} messages, ${seen.rate.toFixed(1)}/s, longest answer ${seen.longest.toFixed(0)} ms`,
    );
    return seen;
  };
  const warmUp = async (): Promise<Round> => round(await source.take(warming * estate.workers.length, ABOUT_10_KB));
  const counted = async (): Promise<Round> => round(await source.take(count, ABOUT_10_KB));
  const [one, two]: [Round[], Round[]] = [[], []];
  await warmUp();
  for (let turn = 0; turn < turns; turn += 1) {
    one.push(await counted());
    await estate.startWorker();
    await warmUp();
    two.push(await counted(), await counted());
    const code = await estate.stopWorker();
    if (code !== 0) throw new Error(`the second worker ended with ${code}`);
    one.push(await counted());
  }
  return toFigures(one, two);
}
