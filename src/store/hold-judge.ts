import type { PolicyPin } from "../model/decision.ts";
import type { MessageId } from "../model/ids.ts";
import type { HoldActor, HoldAnswer, HoldId, HoldRefusal } from "../model/hold.ts";
import { isOverdue, standingApprovals, transition, type HoldAttemptEvent, type HoldRules, type HoldState } from "../model/hold-state.ts";
import { auditActor, isDraft, noteOf } from "./attempts.ts";
import { nextEntry } from "./audit.ts";
import type { HoldAttempt, NewHold } from "./contract-outbound.ts";
import { withDispatches } from "./dispatch-open.ts";
import { changeDraft, findDraft } from "./drafts.ts";
import { findOrOpenHeld, type Held } from "./held.ts";
import { endHeld, takeBack, type Ending } from "./hold-ends.ts";
import { holdRules, touchHold } from "./hold-rows.ts";
import { termsToday } from "./hold-terms.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import { addRevision, putDeliveries } from "./revisions.ts";
import type { ApprovalsTable, DraftsTable, HoldsTable } from "./schema.ts";

/** What an attempt comes to, by the documents and keys of this moment, carried out if it counts. Called once a nonce. */
export async function judge(tx: Tx, attempt: HoldAttempt): Promise<HoldAnswer> {
  const event = eventOf(attempt, await noteOf(tx, attempt));
  // What is unknown is settled where sending is recorded (sends.settle).
  if (event === null) return refused("not_unknown");
  const held = await findOrOpenHeld(tx, attempt.tenant, attempt.hold, attempt.at);
  if (held === null || held.state.status !== "waiting") {
    const draft = event.type === "cancel" && isDraft(attempt.hold) ? await findDraft(tx, attempt.tenant, attempt.hold) : null;
    if (draft !== null) return judgeTakingBack(tx, draft, attempt, event);
  }
  return held === null ? refused("not_found") : judgeHeld(tx, held, attempt, event);
}

function eventOf(attempt: HoldAttempt, note: string | null): HoldAttemptEvent | null {
  const { action, actor, signed, content_hash, edit, at } = attempt;
  switch (action) {
    case "approve":
    case "cancel":
      return { type: action, actor, signed, content_hash, at };
    case "reject":
      return { type: action, actor, signed, content_hash, at, has_reason: note !== null && note.trim() !== "" };
    case "edit":
      return { type: action, actor, signed, content_hash, at, revision: edit?.revision ?? null };
    case "resend":
    case "settle":
    case "settle_failed":
      return null;
    default:
      return action satisfies never;
  }
}

/** What counts an attempt now. */
interface Today {
  readonly rules: HoldRules;
  readonly terms: NewHold;
  readonly policy: PolicyPin | null;
}

async function judgeHeld(tx: Tx, held: Held, attempt: HoldAttempt, event: HoldAttemptEvent): Promise<HoldAnswer> {
  const { row } = held;
  const { terms, policy } = await termsToday(tx, row, attempt.at);
  const state = await expireOverdue(tx, held, attempt, policy);
  const actors = new Set<HoldActor>([attempt.actor, ...state.approvals.map(({ actor }) => actor)]);
  const rules = await holdRules(tx, { ...row, escalated: state.escalated }, terms, [...actors]);
  const verdict = transition(state, rules, event);
  if (verdict.result === "refused") return refused(verdict.code);
  await carryOut(tx, held, verdict.state, attempt, { rules, terms, policy });
  return withDeliveries(tx, held, accepted(verdict.state, rules));
}

/** Mail that was let through goes by the mailbox's channels; the workflow that asked begins that. */
async function withDeliveries(tx: Tx, { row, about }: Held, answer: HoldAnswer): Promise<HoldAnswer> {
  if (about.kind === "send" || answer.result === "refused" || answer.status !== "approved") return answer;
  return withDispatches(tx, { tenant: row.tenant, message: row.id as MessageId }, answer);
}

/** Its time is over though no timer said so yet: nobody decides any more, and the hold is where it belongs before they are told. */
async function expireOverdue(tx: Tx, held: Held, attempt: HoldAttempt, policy: PolicyPin | null): Promise<HoldState> {
  const { at, trace, decision_id } = attempt;
  if (!isOverdue(held.state, at)) return held.state;
  await endHeld(tx, held, "expired", { actor: "postern", note: null, policy, trace, at, decision_id, ...nextEntry(attempt) });
  return { ...held.state, status: "expired" };
}

async function carryOut(tx: Tx, held: Held, next: HoldState, attempt: HoldAttempt, today: Today): Promise<void> {
  const { row, state } = held;
  await keepTerms(tx, row.id, today.terms);
  if (attempt.action === "approve") await addApproval(tx, attempt, next.content_hash);
  if (next.revision !== state.revision && held.about.kind === "send") await addEdit(tx, held.about.draft, attempt);
  if (next.status === "waiting") touchHold(tx, row);
  else await endHeld(tx, held, next.status, await endingOf(tx, attempt, today.policy));
}

async function endingOf(tx: Tx, attempt: HoldAttempt, policy: PolicyPin | null): Promise<Ending> {
  const { trace, at, decision_id } = attempt;
  return { actor: auditActor(attempt), note: await noteOf(tx, attempt), policy, trace, at, decision_id, ...nextEntry(attempt) };
}

type KeptTerms = Pick<HoldsTable, "id" | "approvers_json" | "escalate_to_json" | "quorum" | "trust_namespace">;

const updateTerms = once((db, { id, approvers_json, escalate_to_json, quorum, trust_namespace }: KeptTerms) =>
  db.updateTable("holds").set({ approvers_json, escalate_to_json, quorum, trust_namespace }).where("id", "=", id),
);

/** What people are shown is what counted. */
async function keepTerms(tx: Tx, id: HoldId, { approvers, escalate_to = [], quorum, trust_namespace }: NewHold): Promise<void> {
  const [approvers_json, escalate_to_json] = [JSON.stringify(approvers), JSON.stringify(escalate_to)];
  await tx.later(updateTerms, { id, approvers_json, escalate_to_json, quorum, trust_namespace: trust_namespace ? 1 : 0 });
}

const insertApproval = once((db, { hold, actor, content_hash, at }: ApprovalsTable) =>
  db
    .insertInto("approvals")
    .values({ hold, actor, content_hash, at })
    .onConflict((conflict) => conflict.columns(["hold", "actor"]).doUpdateSet({ content_hash, at })),
);

async function addApproval(tx: Tx, { hold, actor, at }: HoldAttempt, content_hash: string): Promise<void> {
  await tx.later(insertApproval, { hold, actor, content_hash, at });
}

/** INVARIANT: what was approved before an edit is approved no more. The editor is who the token names. */
async function addEdit(tx: Tx, draft: DraftsTable, { edit, actor, at }: HoldAttempt): Promise<void> {
  if (edit === null) return;
  const { id, tenant } = draft;
  const { revision } = edit;
  const content = { ...edit.content, author: actor };
  await addRevision(tx, { tenant, draft: id, revision, content, at });
  await putDeliveries(tx, { draft: id, content, at });
  await changeDraft(tx, id, { revision: revision.number }, at);
  await tx.db.deleteFrom("approvals").where("hold", "=", id).execute();
  const { number, content_hash } = revision;
  const to_json = JSON.stringify(content.recipients.map(({ address }) => address));
  const shown = { revision: number, content_hash, author: actor, subject: content.subject, to_json };
  await tx.db.updateTable("holds").set(shown).where("id", "=", id).execute();
}

/** A draft that waits for nobody (any more) may be taken back until data has gone out: to the machine it still waits. */
async function judgeTakingBack(tx: Tx, draft: DraftsTable, attempt: HoldAttempt, event: HoldAttemptEvent): Promise<HoldAnswer> {
  const { terms, policy } = await termsToday(tx, draft, attempt.at);
  const rules = await holdRules(tx, { ...draft, direction: "outbound", escalated: false }, terms, [attempt.actor]);
  const verdict = transition(unsent(draft, await mayBeStopped(tx, draft)), rules, event);
  if (verdict.result === "refused") return refused(verdict.code);
  await takeBack(tx, draft, await endingOf(tx, attempt, policy));
  return accepted(verdict.state, rules);
}

function unsent({ author, revision }: DraftsTable, stoppable: boolean): HoldState {
  return {
    kind: "send",
    status: stoppable ? "waiting" : "cancelled",
    revision,
    content_hash: "",
    writer: author,
    author,
    approvals: [],
    reminded: false,
    escalated: false,
    expires_at: Infinity,
  };
}

/** Nobody has been given it, nobody may have been, and nobody is being given it. */
async function mayBeStopped({ db }: Tx, { id, state }: DraftsTable): Promise<boolean> {
  if (state !== "queued" && state !== "sending") return false;
  const attempt = await db
    .selectFrom("send_attempts")
    .select("attempt")
    .where("draft", "=", id)
    .where("phase", "in", ["data", "unknown"])
    .limit(1)
    .executeTakeFirst();
  const delivery = await db
    .selectFrom("deliveries")
    .select("recipient")
    .where("draft", "=", id)
    .where("state", "in", ["accepted", "unknown"])
    .limit(1)
    .executeTakeFirst();
  return attempt === undefined && delivery === undefined;
}

function refused(code: HoldRefusal): HoldAnswer {
  return { result: "refused", code };
}

function accepted(state: HoldState, rules: HoldRules): HoldAnswer {
  const { status, revision } = state;
  return { result: "accepted", status, approvals: standingApprovals(state, rules).length, quorum: rules.quorum, revision };
}
