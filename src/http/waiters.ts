import { PosternError } from "../model/errors.ts";
import type { KeyId } from "../model/ids.ts";

/** Long polls at once: an agent needs one per mailbox, a mistake in a loop makes hundreds. */
const PER_KEY = 32;
const IN_ALL = 2_000;

/** Counts who waits, so that no key can hold all connections. */
export interface Waiters {
  /** Takes a place until disposed of; throws `too_many_requests` when there is none. */
  enter(key: KeyId): Disposable;
}

export function createWaiters(perKey = PER_KEY, inAll = IN_ALL): Waiters {
  const counts = new Map<KeyId, number>();
  let total = 0;
  return {
    enter(key) {
      const count = counts.get(key) ?? 0;
      if (count >= perKey || total >= inAll) throw tooMany(perKey);
      counts.set(key, count + 1);
      total += 1;
      return { [Symbol.dispose]: () => leave(key) };
    },
  };

  function leave(key: KeyId): void {
    const left = (counts.get(key) ?? 1) - 1;
    total -= 1;
    if (left === 0) counts.delete(key);
    else counts.set(key, left);
  }
}

function tooMany(perKey: number): PosternError {
  return new PosternError("too_many_requests", "too many calls are waiting", {
    temporary: true,
    fix: `let at most ${perKey} calls wait with one key`,
  });
}
