import { PosternError } from "../model/errors.ts";
import { draftStateOf, fateOf, type DeliveryState } from "../model/delivery.ts";
import type { DraftId } from "../model/ids.ts";
import type { SendRecord } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { DeliveriesTable } from "./schema.ts";

const selectAll = once((db, given: { draft: DraftId }) =>
  db.selectFrom("deliveries").selectAll().where("draft", "=", given.draft).orderBy("recipient"),
);

export function deliveriesOf({ db }: Tx, draft: DraftId): Promise<readonly DeliveriesTable[]> {
  return selectAll(db, { draft });
}

/** Nobody who has it, has refused it or may have it is ever among them. */
export function isDue({ state }: DeliveriesTable): boolean {
  return state === "pending" || state === "deferred";
}

type Change = Pick<DeliveriesTable, "draft" | "recipient" | "state" | "attempt" | "code" | "enhanced" | "reply" | "at">;

const updateOne = once((db, { draft, recipient, ...change }: Change) =>
  db.updateTable("deliveries").set(change).where("draft", "=", draft).where("recipient", "=", recipient),
);

/** What one attempt came to for each of its recipients; the last word on those who have it or refused it stands. */
export async function recordReplies(tx: Tx, record: SendRecord, claimed: readonly string[]): Promise<void> {
  const { draft, attempt, at } = record;
  for (const { recipient, state } of await deliveriesOf(tx, draft)) {
    const reply = record.replies.find((one) => one.recipient === recipient);
    const isTold = reply !== undefined || claimed.includes(recipient);
    if (!isTold || state === "accepted" || state === "refused") continue;
    const { code = null, enhanced = null, text = null } = reply ?? {};
    const fate = outcomeOf(record.end, code, claimed.includes(recipient));
    await updateOne(tx.db, { draft, recipient, state: fate, attempt, code, enhanced, reply: text, at });
  }
}

/** INVARIANT: nobody has it who was not claimed for, and without an answer nobody can be sure that somebody has not. */
function outcomeOf(end: SendRecord["end"], code: number | null, claimed: boolean): DeliveryState {
  if (code === null) return claimed && end !== "failed_before_data" ? "unknown" : "deferred";
  const fate = fateOf(code, claimed && end === "completed");
  if (fate === null) throw new PosternError("internal", `a transport reported ${code} where that cannot be`);
  return fate;
}

/** An attempt that was not heard of again after its claim. */
export async function loseDeliveries(tx: Tx, draft: DraftId, attempt: number, claimed: readonly string[], at: number): Promise<void> {
  const due = (await deliveriesOf(tx, draft)).filter(isDue);
  for (const { recipient } of due.filter((delivery) => claimed.includes(delivery.recipient))) {
    await updateOne(tx.db, { draft, recipient, state: "unknown", attempt, code: null, enhanced: null, reply: null, at });
  }
}

/** A person's word on what nobody knows. */
export async function settleDeliveries({ db }: Tx, draft: DraftId, state: DeliveryState, at: number): Promise<void> {
  await db.updateTable("deliveries").set({ state, at }).where("draft", "=", draft).where("state", "=", "unknown").execute();
}

/** Where the draft is by its deliveries. */
export async function stateByDeliveries(tx: Tx, draft: DraftId): Promise<ReturnType<typeof draftStateOf>> {
  return draftStateOf(await deliveriesOf(tx, draft));
}
