import type { AuditAction } from "../audit/actions.ts";
import { DELIVERY_STATES, type DeliveryState } from "../model/delivery.ts";
import { appendAction } from "./audit.ts";
import type { Trace } from "./contract.ts";
import type { Fresh, SendFinish } from "./contract-outbound.ts";
import { deliveriesOf } from "./deliveries.ts";
import type { Tx } from "./operation.ts";
import type { DraftsTable } from "./schema.ts";

export interface SendingEntry extends Fresh {
  readonly attempt: number;
  readonly content_hash: string;
  readonly trace: Trace;
  readonly at: number;
}

/** One entry an attempt that came to something: how many have it, and beside it, erasable, who was told what. */
export async function appendSending(tx: Tx, draft: DraftsTable, entry: SendingEntry): Promise<void> {
  const { audit_id: id, salt, at, attempt, content_hash, trace } = entry;
  const reached = (await deliveriesOf(tx, draft.id)).filter((delivery) => delivery.attempt === attempt);
  const count = (state: DeliveryState): number => reached.filter((delivery) => delivery.state === state).length;
  const counts = Object.fromEntries(DELIVERY_STATES.filter((state) => state !== "pending").map((state) => [state, count(state)]));
  const { tenant, mailbox, message, revision, retention_days: retentionDays } = draft;
  await appendAction(tx, {
    ...{ id, tenant, at, message, mailbox, salt, retentionDays },
    action: ACTIONS.find(([state]) => count(state) > 0)?.[1] ?? "email.deferred",
    actor: "postern",
    facts: { draft: draft.id, attempt, revision, content_hash, ...counts, ...trace },
    details: Object.fromEntries(reached.map(({ recipient, reply }) => [recipient, reply])),
  });
}

/** What an attempt is called, by the weightiest thing that came of it. */
const ACTIONS: readonly (readonly [DeliveryState, AuditAction])[] = [
  ["unknown", "email.unknown"],
  ["accepted", "email.sent"],
  ["deferred", "email.deferred"],
  ["refused", "email.failed"],
];

/** Nobody is tried any more. */
export async function appendFinish(tx: Tx, draft: DraftsTable, finish: SendFinish, state: DraftsTable["state"]): Promise<void> {
  const { audit_id: id, salt, at, reason, trace } = finish;
  const { tenant, mailbox, message, retention_days: retentionDays } = draft;
  await appendAction(tx, {
    ...{ id, tenant, at, message, mailbox, salt, retentionDays },
    action: finish.state === "failed" ? "email.given_up" : "email.cancelled",
    actor: "postern",
    facts: { draft: draft.id, state, reason, ...trace },
    details: {},
  });
}
