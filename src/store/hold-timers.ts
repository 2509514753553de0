import type { HoldStatus } from "../model/hold.ts";
import { transition, type HoldRules } from "../model/hold-state.ts";
import type { MessageId } from "../model/ids.ts";
import { appendAction, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { HoldTimer } from "./contract-outbound.ts";
import type { Held } from "./held.ts";
import { endHeld } from "./hold-ends.ts";
import { touchHold } from "./hold-rows.ts";
import { termsToday } from "./hold-terms.ts";
import type { Tx } from "./operation.ts";

/** Time needs nobody's leave. */
const NOBODY: HoldRules = { quorum: 1, trust_namespace: false, approvers: [], cancellers: [], revoked: [] };

/** A timer's word, carried out once; where the hold is then. */
export async function ring(tx: Tx, held: Held, timer: HoldTimer): Promise<HoldStatus> {
  const { event, at } = timer;
  const verdict = transition(held.state, NOBODY, { type: event, at });
  if (verdict.result === "refused" || verdict.state === held.state) return held.state.status;
  if (event === "expire") await expire(tx, held, timer);
  else await tell(tx, held, timer, event);
  return verdict.state.status;
}

async function expire(tx: Tx, held: Held, timer: HoldTimer): Promise<void> {
  const { policy } = await termsToday(tx, held.row, timer.at);
  await endHeld(tx, held, "expired", { ...timer, actor: "postern", note: null, policy });
}

async function tell(tx: Tx, held: Held, timer: HoldTimer, event: "remind" | "escalate"): Promise<void> {
  const { id, tenant, mailbox, revision, content_hash } = held.row;
  const { at, audit_id, salt, trace } = timer;
  const told = event === "remind" ? { reminded_at: at } : { escalated_at: at };
  await tx.db.updateTable("holds").set(told).where("id", "=", id).execute();
  touchHold(tx, held.row);
  const { message, retention_days: retentionDays } = placeOf(held);
  await appendAction(tx, {
    ...{ id: audit_id, tenant, at, message, mailbox, salt, retentionDays },
    action: event === "remind" ? "hold.reminded" : "hold.escalated",
    actor: "postern",
    facts: { hold: id, revision, content_hash, ...trace },
    details: {},
  });
}

function placeOf({ about, row }: Held) {
  if (about.kind === "send") return about.draft;
  return { message: row.id as MessageId, retention_days: about.waiting?.message.retention_days ?? STANDARD_RETENTION_DAYS };
}
