import { DECISION_SECONDS, signDecisionToken, verifyDecisionToken, type DecisionCheck } from "../src/grants/decision-token.ts";
import type { HoldAction, HoldActor, HoldAnswer, HoldMessage, HoldRef, HoldRefusal } from "../src/model/hold.ts";
import { holdWorkflowOf } from "../src/model/hold-workflow.ts";
import { isId } from "../src/model/ids.ts";
import type { MessageRef } from "../src/model/message.ts";
import type { Trace } from "../src/store/contract.ts";
import type { ApprovalWord, HoldAttempt, Settlement } from "../src/store/contract-outbound.ts";
import { freshNames } from "./budget.ts";
import type { OutboundDeps } from "./deps.ts";
import { composeEdit } from "./edit.ts";

/** How an attempt came, and what names it when no token does: the same at every replay. */
export interface Arrival {
  readonly via: "update" | "signal";
  readonly nonce: string;
}

/** One attempt: whose word it is, and whether it counts. It is recorded either way (DESIGN §4.4). */
export async function decide(
  deps: OutboundDeps,
  ref: HoldRef,
  action: HoldAction,
  message: HoldMessage,
  arrival: Arrival,
  trace: Trace,
): Promise<HoldAnswer> {
  const place = { tenant: ref.tenant, hold: ref.hold, workflow: trace.workflow_id, action };
  const check = await verifyDecisionToken(deps.grants, message.token ?? null, place, deps.clock());
  const attempt = attemptOf(deps, ref, action, message, arrival, trace, check);
  const forged = forgeryOf(check);
  if (forged !== null) return refuse(deps, attempt, forged);
  switch (action) {
    case "resend":
      return settle(deps, attempt, "resend");
    case "settle":
      return settle(deps, attempt, "settle", "sent");
    case "settle_failed":
      return settle(deps, attempt, "settle", "failed");
    case "edit":
      return edit(deps, ref, attempt, check.ok ? check.decided.edit : null);
    case "approve":
    case "reject":
    case "cancel":
      return deps.store.run("holds.decide", attempt);
    default:
      return action satisfies never;
  }
}

function attemptOf(
  deps: OutboundDeps,
  { tenant, hold }: HoldRef,
  action: HoldAction,
  message: HoldMessage,
  { via, nonce }: Arrival,
  trace: Trace,
  check: DecisionCheck,
): HoldAttempt {
  const unsigned = { actor: "namespace" as HoldActor, content_hash: message.content_hash ?? null, nonce, signed: false };
  const word = check.ok
    ? { actor: check.decided.actor as HoldActor, content_hash: check.decided.content_hash, nonce: check.nonce, signed: true }
    : unsigned;
  return { ...word, ...{ tenant, hold, action, via, trace }, edit: null, ...freshNames(deps) };
}

/** The token of an approval that counted, once more: whoever brings it hears what was said then. */
export function approveAgain({ grants, clock }: OutboundDeps, { tenant, hold }: HoldRef, word: ApprovalWord): Promise<string> {
  const { actor, content_hash } = word;
  const decided = { tenant, hold, workflow: holdWorkflowOf(hold), action: "approve", actor, content_hash, edit: null } as const;
  return signDecisionToken(grants, decided, clock(), word.nonce, DECISION_SECONDS.update);
}

/** No token at all is for the record to judge: it may trust the namespace. */
function forgeryOf(check: DecisionCheck): HoldRefusal | null {
  if (check.ok || check.why === "missing") return null;
  return check.why === "expired" ? "token_expired" : "token_invalid";
}

async function settle(deps: OutboundDeps, attempt: HoldAttempt, action: "resend" | "settle", as?: Settlement): Promise<HoldAnswer> {
  const { tenant, hold } = attempt;
  if (!isId("drf", hold)) return refuse(deps, attempt, "not_unknown");
  return deps.store.run("sends.settle", { tenant, draft: hold, action, attempt, ...(as === undefined ? {} : { as }) });
}

async function edit(deps: OutboundDeps, ref: HoldRef, attempt: HoldAttempt, source: MessageRef | null): Promise<HoldAnswer> {
  const composed = source === null ? null : await composeEdit(deps, ref, attempt.actor, source);
  return deps.store.run("holds.decide", { ...attempt, edit: composed });
}

async function refuse(deps: OutboundDeps, attempt: HoldAttempt, code: HoldRefusal): Promise<HoldAnswer> {
  await deps.store.run("holds.refused", { ...attempt, code });
  return { result: "refused", code };
}
