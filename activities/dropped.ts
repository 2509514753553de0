import { createHash } from "node:crypto";
import type { HoldRef } from "../src/model/hold.ts";
import { draftMessageId, isId, makeId } from "../src/model/ids.ts";
import type { Trace } from "../src/store/contract.ts";
import { freshNames } from "./budget.ts";
import type { ActivityDeps } from "./deps.ts";

/** How long the entry's private part, which is empty, is kept. */
const RETENTION_DAYS = 90;

/** Signals of one run that were not heard, because too many before them had counted for nothing: one entry. */
export async function dropped(deps: ActivityDeps, { tenant, mailbox, hold }: HoldRef, count: number, trace: Trace): Promise<null> {
  const { at, salt } = freshNames(deps);
  const id = makeId("aud", createHash("sha256").update(`dropped\n${trace.run_id}`).digest().subarray(0, 16));
  const message = isId("drf", hold) ? draftMessageId(hold) : hold;
  const facts = { hold, dropped: count, ...trace };
  const entry = { id, tenant, at, action: "hold.signals_dropped", actor: "postern", message, mailbox, facts, details: {} } as const;
  return deps.store.run("audit.append", { ...entry, salt, retentionDays: RETENTION_DAYS });
}
