import type { DraftId } from "../model/ids.ts";
import { hasQuorum } from "../model/hold-state.ts";
import { overseen, strictest, type DraftKind, type Mode } from "../model/outbound.ts";
import type { SendBar, SendStop, SendTerms } from "./contract-outbound.ts";
import { changeDraft, ENDED } from "./drafts.ts";
import { holdRules, holdState } from "./hold-rows.ts";
import { termsToday, type TermsToday } from "./hold-terms.ts";
import { objectionTo, type Objection } from "./objections.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import { hashOf } from "./revisions.ts";
import type { DeliveriesTable, DraftsTable, HoldsTable } from "./schema.ts";
import { findSendingMailbox } from "./sending-mailbox.ts";
import { isTainted } from "./tainted.ts";

/**
 * What forbids that these bytes leave now, by what SQL knows in this transaction (DESIGN §4.5, §9.6); null: nothing. Asked
 * before a connection is made and again, which is what counts, in the claim.
 */
export async function barTo(tx: Tx, draft: DraftsTable, terms: SendTerms, recipients: readonly DeliveriesTable[]): Promise<SendBar | null> {
  const gone = barByState(draft);
  if (gone !== null) return bar(gone);
  if ((await hashOf(tx, draft)) !== terms.content_hash) return bar("not_approved");
  const mailbox = await findSendingMailbox(tx, draft.tenant, draft.mailbox);
  if (mailbox === null) return bar("stopped");
  const { at, caps } = terms;
  const addressed = recipients.map(({ kind, recipient: address }) => ({ kind, address }));
  const objection = await objectionTo(tx, { input: { ...draft, draft: draft.id }, recipients: addressed, caps, at }, mailbox);
  if (objection !== null) return barByObjection(tx, draft, objection, at);
  const today = await termsToday(tx, draft, at);
  if (!isInForce(terms, today)) return bar("rejudge");
  const mode = overseen(strictest(terms.mode, mailbox.mode), mailbox.oversight_address !== null);
  return barByOversight(tx, draft, terms, mode, today);
}

function bar(why: SendStop): SendBar {
  return { why, until: null };
}

function barByState({ state }: DraftsTable): SendStop | null {
  if (state === "queued" || state === "sending") return null;
  if (state === "pending_send_approval") return "not_approved";
  if (state === "cancelled" || state === "unknown") return state;
  return ENDED.includes(state) ? "done" : "not_approved";
}

/** What will pass is shown as what the draft waits for. */
async function barByObjection(tx: Tx, { id, reason: before }: DraftsTable, objection: Objection, at: number): Promise<SendBar> {
  const { reason, free_at: until } = objection;
  const why = stopOf(objection);
  if ((why === "stopped" || why === "limit") && reason !== before) await changeDraft(tx, id, { reason }, at);
  return { why, until };
}

function stopOf({ judged_at, outcome }: Objection): SendStop {
  if (outcome === "rate_limited") return "limit";
  switch (judged_at) {
    case "kill_switch":
      return "stopped";
    case "author":
      return "author_revoked";
    case "suppression":
      return "suppressed";
    default:
      return "mode";
  }
}

/** A mailbox without a policy is judged by version 0 of none. */
function isInForce({ policy: judgedBy }: SendTerms, { policy }: TermsToday): boolean {
  return policy === null ? judgedBy.version === 0 : policy.id === judgedBy.id && policy.digest === judgedBy.digest;
}

/**
 * INVARIANT (DESIGN §9.6): where people must be asked, a quorum of those who may approve by today's policy and keys stands
 * behind exactly these bytes. The thread is asked here too: mail that came in since the draft was judged counts.
 */
async function barByOversight(tx: Tx, draft: DraftsTable, terms: SendTerms, mode: Mode, today: TermsToday): Promise<SendBar | null> {
  if (draft.kind === "draft" && mode === "read_only") return bar("mode");
  const asked = await findQuestion(tx, draft.id);
  // Whatever they were asked for: while people have not agreed nothing leaves.
  if (asked !== null && asked.status !== "approved") return bar("not_approved");
  const isAsked = terms.approval || isGated(draft.kind, mode) || (draft.kind === "draft" && (await isTainted(tx, draft)));
  if (!isAsked) return null;
  const hold = asked === null ? null : await holdState(tx, draft.tenant, draft.id);
  if (hold === null || hold.content_hash !== terms.content_hash) return bar("not_approved");
  const place = { ...draft, direction: "outbound", escalated: hold.escalated } as const;
  const actors = hold.approvals.map(({ actor }) => actor);
  return hasQuorum(hold, await holdRules(tx, place, today.terms, actors)) ? null : bar("not_approved");
}

type Question = Pick<HoldsTable, "status" | "content_hash">;

const selectQuestion = once((db, given: { id: DraftId }) =>
  db.selectFrom("holds").select(["status", "content_hash"]).where("id", "=", given.id),
);

/** Where people are with the draft; null: they were never asked. */
export async function findQuestion({ db }: Tx, id: DraftId): Promise<Question | null> {
  const [row] = await selectQuestion(db, { id });
  return row ?? null;
}

function isGated(kind: DraftKind, mode: Mode): boolean {
  return kind === "draft" && (mode === "gated_all" || mode === "gated_send");
}
