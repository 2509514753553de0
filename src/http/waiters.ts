import { PosternError } from "../model/errors.ts";
import type { KeyRow } from "../store/contract.ts";

/** Long polls at once: an agent needs one per mailbox, a mistake in a loop makes hundreds. */
const PER_KEY = 32;
const IN_ALL = 2_000;

/** Of all places, what the keys of one tenant may have together: an admin makes as many as they like. */
const OF_ONE_TENANT = 0.75;

/** Counts who waits, so that no key and no tenant can hold all connections. */
export interface Waiters {
  /** Takes a place until disposed of; throws `too_many_requests` when there is none. */
  enter(key: Pick<KeyRow, "id" | "tenant">): Disposable;
}

export function createWaiters(perKey = PER_KEY, inAll = IN_ALL): Waiters {
  const perTenant = Math.max(1, Math.floor(inAll * OF_ONE_TENANT));
  const counts = new Map<string, number>();
  let total = 0;
  return {
    enter({ id, tenant }) {
      const of = (name: string): number => counts.get(name) ?? 0;
      if (of(id) >= perKey || of(tenant) >= perTenant || total >= inAll) throw tooMany(perKey);
      add(id, 1);
      add(tenant, 1);
      total += 1;
      return { [Symbol.dispose]: () => leave(id, tenant) };
    },
  };

  function leave(id: string, tenant: string): void {
    add(id, -1);
    add(tenant, -1);
    total -= 1;
  }

  function add(name: string, step: 1 | -1): void {
    const count = (counts.get(name) ?? 0) + step;
    if (count === 0) counts.delete(name);
    else counts.set(name, count);
  }
}

function tooMany(perKey: number): PosternError {
  return new PosternError("too_many_requests", "too many calls are waiting", {
    temporary: true,
    fix: `let at most ${perKey} calls wait with one key`,
  });
}
