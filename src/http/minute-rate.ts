import type { PosternError } from "../model/errors.ts";

const MINUTE_MS = 60_000;

/** Counts one act of somebody's in this minute, or throws in its place. In memory, for each process by itself. */
export function createMinuteRate<Who extends string>(
  clock: () => number,
  perMinute: number,
  tooMany: () => PosternError,
): (who: Who) => void {
  const counts = new Map<Who, number>();
  let minute = 0;
  return (who) => {
    const now = Math.floor(clock() / MINUTE_MS);
    if (now !== minute) counts.clear();
    minute = now;
    const count = (counts.get(who) ?? 0) + 1;
    if (count > perMinute) throw tooMany();
    counts.set(who, count);
  };
}
