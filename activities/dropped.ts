import { createHash } from "node:crypto";
import type { HoldId, HoldRef } from "../src/model/hold.ts";
import { isId, makeId, type TenantId } from "../src/model/ids.ts";
import type { Trace } from "../src/store/contract.ts";
import { freshNames } from "./budget.ts";
import type { ActivityDeps } from "./deps.ts";

/** How long the entry's private part, which is empty, is kept. */
const RETENTION_DAYS = 90;

/**
 * Signals of one run that were not heard, because too many before them had counted for nothing: one entry. What is not on
 * record has none: whoever may start workflows must not write into the log of any mailbox.
 */
export async function dropped(deps: ActivityDeps, { tenant, hold }: HoldRef, count: number, trace: Trace): Promise<null> {
  const place = await placeOf(deps, tenant, hold);
  if (place === null || !Number.isSafeInteger(count)) return null;
  const { at, salt } = freshNames(deps);
  const id = makeId("aud", createHash("sha256").update(`dropped\n${trace.run_id}`).digest().subarray(0, 16));
  const facts = { hold, dropped: count, ...trace };
  const entry = { id, tenant, at, action: "hold.signals_dropped", actor: "postern", ...place, facts, details: {} } as const;
  return deps.store.run("audit.append", { ...entry, salt, retentionDays: RETENTION_DAYS });
}

async function placeOf({ store }: ActivityDeps, tenant: TenantId, hold: HoldId) {
  if (isId("drf", hold)) {
    const draft = await store.run("drafts.get", { tenant, id: hold });
    return draft === null ? null : { message: draft.message, mailbox: draft.mailbox };
  }
  const message = await store.run("messages.get", { tenant, id: hold, view: "all" });
  return message === null ? null : { message: message.id, mailbox: message.mailbox };
}
