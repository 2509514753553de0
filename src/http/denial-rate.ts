import { PosternError } from "../model/errors.ts";
import type { KeyId } from "../model/ids.ts";
import { createMinuteRate } from "./minute-rate.ts";

/** Denials of one key that are recorded in one minute: an agent in a loop must not write the audit log full. */
const PER_MINUTE = 60;

/** Counts one denial of a key, or throws `too_many_requests` in its place. */
export function createDenialRate(clock: () => number): (key: KeyId) => void {
  return createMinuteRate(clock, PER_MINUTE, tooMany);
}

function tooMany(): PosternError {
  return new PosternError("too_many_requests", "too many acts with this key were denied", {
    temporary: true,
    fix: `ask for what the message's \`capabilities\` name; ${PER_MINUTE} denials a minute are answered one by one`,
  });
}
