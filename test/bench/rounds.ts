import { setTimeout } from "node:timers/promises";
import { median } from "./figures.ts";
import { processorMs } from "./processor.ts";
import type { Rig } from "./rig.ts";

/** Milliseconds, except for what is a second. */
export interface Round {
  /** A second, until the last workflow has closed: what is left open is work that the next round would pay for. */
  readonly rate: number;
  /** A second, until the last is heard of. */
  readonly heard: number;
  readonly p50: number;
  /** Processor time for each message or workflow, of the instance and of the Temporal server. */
  readonly instance: number;
  readonly temporal: number;
  /** The same of this process, which asks and receives. */
  readonly callers: number;
}

/** Of what is measured and of what it is measured against, in the same turns. */
export interface Rounds {
  readonly empty: readonly Round[];
  readonly postern: readonly Round[];
}

/** Milliseconds between two looks at whether a round is over, and after which it never will be. */
const LOOK_MS = 20;
const MOST_MS = 60_000;

/** `work` answers the milliseconds of each of its `count` items. */
export async function measureRound({ child, server, open }: Rig, count: number, work: () => Promise<readonly number[]>): Promise<Round> {
  const used = (): Promise<number[]> => Promise.all([child.pid, server.pid, process.pid].map(processorMs));
  const idle = await open();
  const [before, started] = [await used(), performance.now()];
  const each = await work();
  const heardMs = performance.now() - started;
  while ((await open()) > idle) {
    if (performance.now() - started > heardMs + MOST_MS) throw new Error("workflows of a round do not close");
    await setTimeout(LOOK_MS);
  }
  const ms = performance.now() - started;
  const [instance = NaN, temporal = NaN, callers = NaN] = (await used()).map((after, index) => (after - (before[index] ?? NaN)) / count);
  return { rate: (count * 1000) / ms, heard: (count * 1000) / heardMs, p50: median(each), instance, temporal, callers };
}

/** One round of each; neither is always the one that comes first. */
export async function inTurns(nth: number, postern: () => Promise<Round>, empty: () => Promise<Round>): Promise<Rounds> {
  if (nth % 2 === 0) return { postern: [await postern()], empty: [await empty()] };
  return { empty: [await empty()], postern: [await postern()] };
}

export function joined(rounds: readonly Rounds[]): Rounds {
  return { empty: rounds.flatMap(({ empty }) => empty), postern: rounds.flatMap(({ postern }) => postern) };
}

export function medianOf(rounds: readonly Round[], figure: keyof Round): number {
  return median(rounds.map((round) => round[figure]));
}

/** Median of the rounds' own ratios: what drifts, drifts for both. */
export function ratio({ empty, postern }: Rounds, figure: keyof Round): number {
  return median(postern.map((round, index) => round[figure] / (empty[index]?.[figure] ?? NaN)));
}
