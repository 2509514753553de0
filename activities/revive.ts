import { retell, type RetellDeps } from "../src/gate/retell.ts";
import { revive, UNDERWAY, type ReviveDeps } from "../src/gate/revive.ts";
import type { HoldId, HoldRef } from "../src/model/hold.ts";
import { isId, type MailboxId, type TenantId } from "../src/model/ids.ts";
import type { Page } from "../src/store/contract.ts";
import type { ActivityDeps } from "./deps.ts";
import { faultOf } from "./failures.ts";

/** Rows read at once, workflows asked about at once, and the most that one upkeep starts: the rest is the next one's. */
const PAGE = 100;
const AT_ONCE = 8;
const MOST = 10_000;

interface Place {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

export type MendDeps = ReviveDeps & Omit<RetellDeps, "taskQueues"> & Pick<ActivityDeps, "onFault">;

/**
 * Drafts that are under way and inbound mail that waits, whose workflow is gone: terminated, or in a namespace that was
 * deleted or restored from before. Nobody would remind of them, expire them or send what was approved. And drafts whose
 * workflow has not heard that they were approved. Returns how many workflows were started or told.
 */
export async function reviveLost(deps: MendDeps, heartbeat: () => void): Promise<number> {
  let revived = 0;
  for await (const refs of waiting(deps)) {
    for (let at = 0; at < refs.length; at += AT_ONCE) {
      const answers = await Promise.all(refs.slice(at, at + AT_ONCE).map((ref) => mend(deps, ref)));
      revived += answers.filter(Boolean).length;
      heartbeat();
      if (revived >= MOST) return revived;
    }
  }
  return revived;
}

async function mend(deps: MendDeps, ref: HoldRef): Promise<boolean> {
  return (await revive(deps, ref)) || (await told(deps, ref));
}

/** A workflow that cannot take in anything keeps none of the others waiting. */
async function told(deps: MendDeps, { hold, ...place }: HoldRef): Promise<boolean> {
  if (!isId("drf", hold)) return false;
  try {
    return await retell({ ...deps, taskQueues: { main: deps.taskQueue } }, { ...place, hold });
  } catch (error) {
    const { code, where } = faultOf(error);
    deps.onFault({ activity: "retell", code, where });
    return false;
  }
}

/** Everything that should have a workflow, a page at a time. */
async function* waiting(deps: ReviveDeps): AsyncGenerator<readonly HoldRef[]> {
  for await (const place of places(deps)) {
    for (const state of UNDERWAY)
      yield* pages(place, (cursor) => deps.store.run("drafts.list", { ...place, state, limit: PAGE, ...cursor }));
    const inbound = { ...place, direction: "inbound", status: "waiting", limit: PAGE } as const;
    yield* pages(place, (cursor) => deps.store.run("holds.list", { ...inbound, ...cursor }));
  }
}

async function* places({ store }: ReviveDeps): AsyncGenerator<Place> {
  for (let after: MailboxId | null = null; ;) {
    const rows: readonly { tenant: TenantId; id: MailboxId }[] = await store.run("mailboxes.after", { after, limit: PAGE });
    for (const { tenant, id } of rows) yield { tenant, mailbox: id };
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.id;
  }
}

async function* pages(
  place: Place,
  read: (cursor: { readonly cursor?: string }) => Promise<Page<{ readonly id: HoldId }>>,
): AsyncGenerator<readonly HoldRef[]> {
  for (let cursor: { readonly cursor?: string } = {}; ;) {
    const { items, next_cursor } = await read(cursor);
    if (items.length > 0) yield items.map(({ id }) => ({ ...place, hold: id }));
    if (next_cursor === null) return;
    cursor = { cursor: next_cursor };
  }
}
