import { keyOf, type BlobName } from "./name.ts";

/**
 * Which blobs this process is working with. The same bytes may be under judgement for one mailbox while another refuses
 * them, or while old blobs are collected; without this a removal could take what an acceptance is about to be given for.
 */
export interface Uses {
  /** Before the blob is committed. Waits while the blob is being removed. */
  take(blob: BlobName): Promise<() => void>;
  /** Runs `remove` unless somebody uses the blob; whoever comes meanwhile waits. */
  retire(blob: BlobName, remove: () => Promise<void>): Promise<void>;
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
    async take(blob) {
      const key = keyOf(blob);
      for (let removal = removals.get(key); removal !== undefined; removal = removals.get(key)) await removal.catch(() => {});
      users.set(key, (users.get(key) ?? 0) + 1);
      let left = false;
      return () => {
        if (!left) leave(key);
        left = true;
      };
    },
    async retire(blob, remove) {
      const key = keyOf(blob);
      if (users.has(key) || removals.has(key)) return;
      const removal = remove().finally(() => removals.delete(key));
      removals.set(key, removal);
      await removal;
    },
  };
}
