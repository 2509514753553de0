import { setTimeout } from "node:timers/promises";

/** The value that `share` (0–1) of all do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Runs `work` for every item, so many at a time; milliseconds of each and of all. */
export async function timed<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<{ readonly ms: number; readonly each: readonly number[] }> {
  const each: number[] = [];
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) {
      const started = performance.now();
      await work(item);
      each.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { ms: performance.now() - started, each };
}

/** Begins so many a second whether or not earlier ones have ended; milliseconds of each from when it was due. */
export async function paced<T>(items: readonly T[], perSecond: number, work: (item: T) => Promise<unknown>): Promise<readonly number[]> {
  const started = performance.now();
  const each = items.map(async (item, index) => {
    const due = started + (index * 1000) / perSecond;
    await setTimeout(due - started);
    await work(item);
    return performance.now() - due;
  });
  return Promise.all(each);
}

/** Begins each by chance, so many a second on average, whether or not earlier ones have ended; milliseconds of each from when it was due. */
export async function arriving<T>(items: readonly T[], perSecond: number, work: (item: T) => Promise<unknown>): Promise<readonly number[]> {
  const started = performance.now();
  const gaps = exponential(1000 / perSecond);
  let due = started;
  const each = items.map(async (item) => {
    const mine = (due += gaps.next().value);
    await setTimeout(mine - started);
    await work(item);
    return performance.now() - mine;
  });
  return Promise.all(each);
}

/** Gaps of a Poisson process, the same in every run (Park and Miller's generator). */
function* exponential(mean: number): Generator<number, never> {
  for (let drawn = 4711; ;) {
    drawn = (drawn * 48_271) % 2_147_483_647;
    yield -mean * Math.log(drawn / 2_147_483_647);
  }
}
