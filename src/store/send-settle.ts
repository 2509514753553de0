import type { HoldAnswer, HoldRefusal } from "../model/hold.ts";
import { standingApprovals, type HoldRules, type HoldState } from "../model/hold-state.ts";
import type { SendSettlement } from "./contract-outbound.ts";
import { settleDeliveries, stateByDeliveries } from "./deliveries.ts";
import { changeDraft, findDraft } from "./drafts.ts";
import { holdRules, holdState } from "./hold-rows.ts";
import { termsToday } from "./hold-terms.ts";
import type { Tx } from "./operation.ts";
import { hashOf } from "./revisions.ts";
import type { DraftsTable } from "./schema.ts";
import { endAttempt, lastAttempt } from "./send-attempts.ts";

/**
 * A person's word on mail whose fate nobody knows (DESIGN §4.5): try again those who may have it, or put down what became of
 * it. Who may approve the draft today may say it.
 */
export async function settle(tx: Tx, settlement: SendSettlement): Promise<HoldAnswer> {
  const { tenant, draft: id, attempt } = settlement;
  const draft = await findDraft(tx, tenant, id);
  if (draft === null) return { result: "refused", code: "not_found" };
  const hold = await holdState(tx, tenant, id);
  const { terms } = await termsToday(tx, draft, attempt.at);
  const place = { ...draft, direction: "outbound", escalated: hold?.escalated ?? false } as const;
  const rules = await holdRules(tx, place, terms, [attempt.actor, ...(hold?.approvals.map(({ actor }) => actor) ?? [])]);
  const code = unentitled(rules, settlement) ?? (await wanting(tx, draft, settlement));
  if (code !== null) return { result: "refused", code };
  await carryOut(tx, draft, settlement);
  return accepted(draft, hold, rules);
}

// In the order of model/hold-state.ts: who asks comes before what there is.
function unentitled(rules: HoldRules, { attempt: { actor, signed } }: SendSettlement): HoldRefusal | null {
  if (actor === "namespace") return signed ? "token_invalid" : rules.trust_namespace ? null : "token_missing";
  if (!signed) return "token_missing";
  if (rules.revoked.includes(actor)) return "key_revoked";
  return rules.approvers.includes(actor) ? null : "not_an_approver";
}

async function wanting(tx: Tx, draft: DraftsTable, { attempt: { content_hash } }: SendSettlement): Promise<HoldRefusal | null> {
  if (draft.state !== "unknown") return "not_unknown";
  return content_hash === null || content_hash === (await hashOf(tx, draft)) ? null : "content_stale";
}

async function carryOut(tx: Tx, { id }: DraftsTable, { action, as = "sent", attempt: { at } }: SendSettlement): Promise<void> {
  const left = await lastAttempt(tx, id);
  if (left !== null) await endAttempt(tx, left, "done", at);
  await settleDeliveries(tx, id, action === "resend" ? "pending" : as === "sent" ? "accepted" : "refused", at);
  const { state } = await stateByDeliveries(tx, id);
  await changeDraft(tx, id, { state, reason: action === "resend" ? "resend" : "settled_by_person" }, at);
}

function accepted({ revision }: DraftsTable, hold: HoldState | null, rules: HoldRules): HoldAnswer {
  const approvals = hold === null ? 0 : standingApprovals(hold, rules).length;
  return { result: "accepted", status: hold?.status ?? "approved", approvals, quorum: rules.quorum, revision };
}
