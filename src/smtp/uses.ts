import type { Release } from "./slots.ts";

/**
 * Which blobs transactions of this process are working with. The same bytes may be under judgement for one mailbox while
 * another mailbox refuses them; without this the refusal would remove what an acceptance is about to be given for.
 */
export interface Uses {
  /** Before the blob is committed. Waits while the blob is being removed. */
  take(key: string): Promise<Release>;
  /** Runs `remove` unless somebody uses the blob; whoever comes meanwhile waits. */
  retire(key: string, remove: () => Promise<void>): Promise<void>;
}

export function createUses(): Uses {
  const users = new Map<string, number>();
  const removals = new Map<string, Promise<void>>();

  const leave = (key: string): void => {
    const left = (users.get(key) ?? 0) - 1;
    if (left > 0) users.set(key, left);
    else users.delete(key);
  };

  return {
    async take(key) {
      for (let removal = removals.get(key); removal !== undefined; removal = removals.get(key)) await removal.catch(() => {});
      users.set(key, (users.get(key) ?? 0) + 1);
      let left = false;
      return () => {
        if (!left) leave(key);
        left = true;
      };
    },
    async retire(key, remove) {
      if (users.has(key) || removals.has(key)) return;
      const removal = remove().finally(() => removals.delete(key));
      removals.set(key, removal);
      await removal;
    },
  };
}
