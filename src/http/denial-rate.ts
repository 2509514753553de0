import { PosternError } from "../model/errors.ts";
import type { KeyId } from "../model/ids.ts";

/** Denials of one key that are recorded in one minute: an agent in a loop must not write the audit log full. */
const PER_MINUTE = 60;
const MINUTE_MS = 60_000;

/** Counts one denial of a key, or throws `too_many_requests` in its place. */
export function createDenialRate(clock: () => number): (key: KeyId) => void {
  const counts = new Map<KeyId, number>();
  let minute = 0;
  return (key) => {
    const now = Math.floor(clock() / MINUTE_MS);
    if (now !== minute) counts.clear();
    minute = now;
    const count = (counts.get(key) ?? 0) + 1;
    if (count > PER_MINUTE) throw tooMany();
    counts.set(key, count);
  };
}

function tooMany(): PosternError {
  return new PosternError("too_many_requests", "too many acts with this key were denied", {
    temporary: true,
    fix: `ask for what the message's \`capabilities\` name; ${PER_MINUTE} denials a minute are answered one by one`,
  });
}
