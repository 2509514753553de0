import type { HoldId } from "../model/hold.ts";
import type { HoldState } from "../model/hold-state.ts";
import type { TenantId } from "../model/ids.ts";
import { isDraft } from "./attempts.ts";
import { findDraft } from "./drafts.ts";
import { holdState } from "./hold-rows.ts";
import { openInboundHold } from "./inbound-holds.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import { findMessage, waiting, type WaitingMessage } from "./released.ts";
import type { DraftsTable, HoldsTable } from "./schema.ts";

/** What waits or has waited, as one transaction sees it. `about`: what it is about; null: inbound mail that waits no more. */
export interface Held {
  readonly row: HoldsTable;
  readonly state: HoldState;
  readonly about:
    { readonly kind: "send"; readonly draft: DraftsTable } | { readonly kind: "inbound"; readonly waiting: WaitingMessage | null };
}

/** Inbound mail that was held before holds had rows gets its own here, with a whole time to wait from `at`. */
export async function findOrOpenHeld(tx: Tx, tenant: TenantId, id: HoldId, at: number): Promise<Held | null> {
  const about = isDraft(id) ? await aboutDraft(tx, tenant, id) : await aboutMessage(tx, tenant, id);
  if (about === null) return null;
  const found = await findRow(tx, tenant, id);
  if (found !== null) return { ...found, about };
  if (about.kind === "send" || about.waiting === null) return null;
  await openInboundHold(tx, about.waiting, at);
  return { ...(await findRow(tx, tenant, id))!, about };
}

async function aboutDraft(tx: Tx, tenant: TenantId, id: DraftsTable["id"]): Promise<Held["about"] | null> {
  const draft = await findDraft(tx, tenant, id);
  return draft === null ? null : { kind: "send", draft };
}

async function aboutMessage(tx: Tx, tenant: TenantId, id: WaitingMessage["message"]["id"]): Promise<Held["about"] | null> {
  const message = await findMessage(tx, tenant, id);
  return message === undefined ? null : { kind: "inbound", waiting: await waiting(tx, message) };
}

const selectHold = once((db, given: { tenant: TenantId; id: HoldId }) =>
  db.selectFrom("holds").selectAll().where("tenant", "=", given.tenant).where("id", "=", given.id),
);

async function findRow(tx: Tx, tenant: TenantId, id: HoldId): Promise<Pick<Held, "row" | "state"> | null> {
  const [row] = await selectHold(tx.db, { tenant, id });
  const state = row === undefined ? null : await holdState(tx, tenant, id);
  return row === undefined || state === null ? null : { row, state };
}
