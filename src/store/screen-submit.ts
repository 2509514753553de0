import type { OutboundDecision } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import { draftMessageId } from "../model/ids.ts";
import { overseen, strictest, type Mode } from "../model/outbound.ts";
import { beginHold, questionOf } from "./asking.ts";
import type { RevisionContent, Screened, ScreenProposal, SendAttempt } from "./contract-outbound.ts";
import { recordDecision, submitOfRun } from "./decisions.ts";
import { addDraft, tellDraft } from "./drafts.ts";
import { holdTimes } from "./hold-rows.ts";
import { findingsWith, objectionTo } from "./objections.ts";
import type { Tx } from "./operation.ts";
import { decidedContent, recordOutbound, screeningDecision } from "./outbound-decisions.ts";
import { distinct, putDeliveries } from "./revisions.ts";
import type { DraftsTable } from "./schema.ts";
import { unwritten } from "./send-attempts.ts";
import { reserveSend } from "./send-caps.ts";
import type { SendingMailbox } from "./sending-mailbox.ts";

/** What becomes of a proposal. `free_at`: when one more fits, of what is over a cap. */
type Verdict = Pick<ScreenProposal, "outcome" | "reason" | "judged_at" | "findings"> & { readonly free_at: number | null };

/** The first screening: all that there is of a draft is made here, or nothing (PB-06: over a cap there is no draft). */
export async function screenSubmit(tx: Tx, proposal: ScreenProposal, mailbox: SendingMailbox): Promise<Screened> {
  mustNameItself(proposal);
  const recorded = await submitOfRun(tx, proposal.input.message, proposal.trace.run_id);
  if (recorded !== null) return decided(tx, proposal, recorded, { wait_until: null, ready: null });
  const mode = overseen(strictest(proposal.mode, mailbox.mode), mailbox.oversight_address !== null);
  const verdict = await judge(tx, proposal, mailbox, mode);
  const decision = decisionOn(proposal, verdict);
  if (verdict.outcome === "rate_limited") await recordLimited(tx, proposal, decision);
  else await recordDraft(tx, proposal, { decision, mode, state: verdict.outcome });
  const ready = verdict.outcome === "queued" ? firstAttempt(proposal.content) : null;
  if (verdict.outcome === "pending_send_approval") await beginHold(tx, proposal, mailbox, verdict.reason);
  return decided(tx, proposal, decision, { wait_until: verdict.free_at, ready });
}

/** INVARIANT: a draft's message is its own, or whoever may start workflows could write over mail that came in. */
function mustNameItself({ input }: ScreenProposal): void {
  if (input.message !== draftMessageId(input.draft))
    throw new PosternError("invalid_request", "a draft names a message that is not its own");
}

type Decided = Extract<Screened, { kind: "decided" }>;

async function decided(
  tx: Tx,
  { input }: ScreenProposal,
  decision: OutboundDecision,
  rest: Pick<Decided, "wait_until" | "ready">,
): Promise<Decided> {
  const hold = decision.outcome === "pending_send_approval" ? await holdTimes(tx, input.draft) : null;
  return { kind: "decided", decision, hold, ...rest };
}

/** In the order of the record: whoever is served should not learn from it who was meant in secret. */
function firstAttempt({ envelope_sender, recipients }: RevisionContent): SendAttempt {
  const addressed = distinct(recipients)
    .map(({ address }) => address)
    .toSorted();
  return unwritten(1, envelope_sender, addressed);
}

async function judge(tx: Tx, proposal: ScreenProposal, mailbox: SendingMailbox, mode: Mode): Promise<Verdict> {
  const { outcome, reason, judged_at, findings, content, at } = proposal;
  if (outcome === "blocked") return { outcome, reason, judged_at, findings, free_at: null };
  const objection = await objectionTo(tx, { ...proposal, recipients: content.recipients }, mailbox);
  if (objection !== null) return { ...objection, findings: findingsWith(objection, findings) };
  // What was over a cap when the facts were read stays refused, though there is room by now.
  if (outcome === "rate_limited") return { outcome, reason, judged_at, findings, free_at: at };
  const question = questionOf(proposal, mode);
  return question === null
    ? { outcome: "queued", reason, judged_at, findings, free_at: null }
    : { outcome: "pending_send_approval", ...question, findings, free_at: null };
}

function decisionOn(proposal: ScreenProposal, { outcome, reason, judged_at, findings }: Verdict): OutboundDecision {
  const isCharged = proposal.input.kind === "draft" && (outcome === "queued" || outcome === "pending_send_approval");
  const reservations = isCharged ? [{ ledger: "sends", scope: "mailbox", amount: 1 } as const] : [];
  return screeningDecision(proposal, { stage: "submit", outcome, reason, judged_at, findings, reservations, supersedes: null });
}

/** Not final: the agent may come again, and finds the windows as if it never had. */
async function recordLimited(tx: Tx, { input }: ScreenProposal, decision: OutboundDecision): Promise<void> {
  const { tenant, mailbox, thread, draft } = input;
  await recordDecision(tx, decision, { tenant, mailbox, thread, body_sha256: null });
  tx.touch(`draft:${draft}`);
}

interface NewDraft {
  readonly decision: OutboundDecision;
  readonly mode: Mode;
  readonly state: "blocked" | "pending_send_approval" | "queued";
}

/** What is blocked keeps its row, its version and its decision: there is nobody it would be delivered to. */
async function recordDraft(tx: Tx, proposal: ScreenProposal, made: NewDraft): Promise<void> {
  const { input, revision, content, at, audit_id, salt, trace } = proposal;
  const { tenant, mailbox, draft } = input;
  const row = draftRow(proposal, made);
  const added = await addDraft(tx, row, { tenant, draft, revision, content, at });
  if (made.state !== "blocked") await putDeliveries(tx, { draft, content, at });
  if (made.decision.reservations.length > 0) await reserveSend(tx, { tenant, mailbox, draft, at });
  await recordOutbound(tx, row, decidedContent(proposal), { decision: made.decision, trace, audit_id, salt });
  tellDraft(tx, added);
}

function draftRow({ input, revision, audit, at }: ScreenProposal, { decision, mode, state }: NewDraft): DraftsTable {
  return {
    id: input.draft,
    tenant: input.tenant,
    mailbox: input.mailbox,
    message: input.message,
    thread: input.thread,
    kind: input.kind,
    state,
    reason: decision.reason,
    mode,
    author: input.author,
    in_reply_to: input.in_reply_to,
    send_at: input.send_at,
    revision: revision.number,
    round: 1,
    decision: decision.id,
    created_at: input.submitted_at,
    updated_at: at,
    retention_days: audit.retentionDays,
  };
}
