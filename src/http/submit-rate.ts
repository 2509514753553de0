import { PosternError } from "../model/errors.ts";
import type { KeyId } from "../model/ids.ts";

/** Submits of one key in a rolling hour that may come to nothing. */
export const SUBMITS_PER_HOUR = 600;

const HOUR_MS = 3_600_000;

/** Keys that are remembered at once before those with nothing left in the hour are forgotten. */
const MANY = 1_000;

/**
 * Counts a submit of a key, or throws `too_many_requests` in its place. What it returns gives it back, for a submit that
 * became a draft: those have caps of their own (NY-13).
 *
 * What is blocked, over a cap, invalid or a dry run has no cap, and each costs composing, bytes and, but for a dry run, a
 * workflow and entries in the log: an agent in a loop must not fill them. Counted in memory, for each process by itself.
 */
export function createSubmitRate(clock: () => number, perHour: number = SUBMITS_PER_HOUR): (key: KeyId) => () => void {
  const taken = new Map<KeyId, number[]>();
  return (key) => {
    const at = clock();
    if (taken.size > MANY) forget(taken, at);
    const times = taken.get(key) ?? [];
    taken.set(key, times);
    times.splice(0, countOld(times, at));
    if (times.length >= perHour) throw tooMany(perHour, (times[0] ?? at) + HOUR_MS - at);
    times.push(at);
    return () => {
      const now = taken.get(key) ?? [];
      const index = now.indexOf(at);
      if (index >= 0) now.splice(index, 1);
    };
  };
}

/** Oldest first, as they came. */
function countOld(times: readonly number[], at: number): number {
  const first = times.findIndex((time) => time > at - HOUR_MS);
  return first < 0 ? times.length : first;
}

function forget(taken: Map<KeyId, number[]>, at: number): void {
  for (const [key, times] of taken) if (countOld(times, at) === times.length) taken.delete(key);
}

function tooMany(perHour: number, ms: number): PosternError {
  return new PosternError("too_many_requests", "too many submits with this key came to nothing", {
    temporary: true,
    fix: `see why they were refused before you try again; ${perHour} an hour that are refused or dry runs are answered (\`POSTERN_LIMIT_SUBMITS_PER_HOUR\`)`,
    retryAfter: Math.max(1, Math.ceil(ms / 1000)),
  });
}
