import type { ActivityDeps } from "./deps.ts";

const BATCH = 1000;
/** A blob younger than this may belong to a message that is not recorded yet. */
const UNREFERENCED_MS = 24 * 3_600_000;

/** At least so long a key leads to the answer it had (NY-12). */
const KEY_MS = 24 * 3_600_000;

/** Deliveries that have ended are listed, and may be replayed, for so long. */
const DISPATCH_MS = 30 * 24 * 3_600_000;

/**
 * Erases private audit details whose retention is over; the entries stay. Returns how many. Forgets keys of submits that
 * nobody can be waiting for any more, and deliveries whose time for a replay is over.
 */
export async function eraseExpired({ store, clock }: ActivityDeps, heartbeat: () => void): Promise<number> {
  await inBatches(() => store.run("idempotency.prune", { before: clock() - KEY_MS, limit: BATCH }), heartbeat);
  await inBatches(() => store.run("dispatches.prune", { before: clock() - DISPATCH_MS, limit: BATCH }), heartbeat);
  return inBatches(() => store.run("audit.erase_expired", { now: clock(), limit: BATCH }), heartbeat);
}

async function inBatches(work: () => Promise<number>, heartbeat: () => void): Promise<number> {
  let done = 0;
  for (;;) {
    const count = await work();
    done += count;
    heartbeat();
    if (count < BATCH) return done;
  }
}

/** Removes blobs that no message needs, oldest rule first: nothing younger than 24 h. Returns how many. */
export async function collectBlobs(deps: ActivityDeps, heartbeat: () => void): Promise<number> {
  let collected = 0;
  for await (const { tenant, digest } of deps.blobs.list(deps.clock() - UNREFERENCED_MS)) {
    heartbeat();
    await deps.uses.retire({ tenant, digest }, async () => {
      if (await deps.store.run("messages.references", { tenant, digest })) return;
      await deps.blobs.remove(tenant, digest);
      collected += 1;
    });
  }
  return collected;
}
