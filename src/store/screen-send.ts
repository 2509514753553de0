import type { OutboundDecision } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import { hasQuorum } from "../model/hold-state.ts";
import { overseen, strictest, type Mode } from "../model/outbound.ts";
import { beginHold, questionOf, type Question } from "./asking.ts";
import type { Screened, ScreenProposal } from "./contract-outbound.ts";
import { changeDraft, ENDED, findDraft } from "./drafts.ts";
import { holdRules, holdState, holdTimes, reopenHold } from "./hold-rows.ts";
import { termsToday } from "./hold-terms.ts";
import { findingsWith, objectionTo } from "./objections.ts";
import type { Tx } from "./operation.ts";
import { decidedContent, recordOutbound, screeningDecision, standingDecision } from "./outbound-decisions.ts";
import { endDeliveries, hashOf } from "./revisions.ts";
import type { DraftsTable } from "./schema.ts";
import { mayBeOnItsWay } from "./send-attempts.ts";
import { reserveSend } from "./send-caps.ts";
import type { SendingMailbox } from "./sending-mailbox.ts";
import { together } from "./together.ts";

/** Milliseconds after which a stopped draft looks again, if nobody wakes it. */
const LOOK_AGAIN = 600_000;

/** The same when what screening found in the way is there no more. */
const AFRESH = 1_000;

/** A draft on its way out, with the decision that let it go so far. */
interface Underway {
  readonly draft: DraftsTable;
  readonly standing: OutboundDecision;
}

/**
 * The second screening, before every attempt to send. As long as the draft may go nothing new is decided: the decision that
 * let it go stands. A stop or a cap makes it wait, anything else that forbids it ends it, and an approval that does not fit
 * today's documents sends it back to people, in a new round.
 */
export async function screenSend(tx: Tx, proposal: ScreenProposal, mailbox: SendingMailbox): Promise<Screened> {
  const underway = await findUnderway(tx, proposal);
  const { draft, standing } = underway;
  if (draft.state === "pending_send_approval") return { kind: "stale", decision: standing, hold: (await holdTimes(tx, draft.id))! };
  if (ENDED.includes(draft.state) || (await mayBeOnItsWay(tx, draft.id))) return decided(standing);
  const bar = await barTo(tx, proposal, mailbox);
  if (bar !== null) return "until" in bar ? wait(tx, proposal, underway, bar) : block(tx, proposal, underway, bar);
  const mode = overseen(strictest(proposal.mode, mailbox.mode), mailbox.oversight_address !== null);
  const question = questionOf(proposal, mode);
  if (question === null || (await isApproved(tx, proposal))) return pass(tx, proposal, underway, mode);
  return askAgain(tx, proposal, { ...underway, mailbox, mode, question });
}

function decided(decision: OutboundDecision): Extract<Screened, { kind: "decided" }> {
  return { kind: "decided", decision, hold: null, wait_until: null, ready: null };
}

async function findUnderway(tx: Tx, { input, revision }: ScreenProposal): Promise<Underway> {
  const draft = await findDraft(tx, input.tenant, input.draft);
  const [standing, hash] = draft === null ? [null, null] : await together([standingDecision(tx, draft), hashOf(tx, draft)]);
  if (draft === null || standing === null) throw new PosternError("not_found", "there is no such draft");
  if (hash === revision.content_hash) return { draft, standing };
  throw new PosternError("unavailable", "the draft was changed while it was judged", { temporary: true });
}

/** What is in the way: for a while, or for good. */
type Bar = { readonly reason: string; readonly until: number } | Block;
type Block = Question & Pick<ScreenProposal, "findings">;

async function barTo(tx: Tx, proposal: ScreenProposal, mailbox: SendingMailbox): Promise<Bar | null> {
  const { outcome, reason, judged_at, findings, at } = proposal;
  const objection = await objectionTo(tx, { ...proposal, recipients: proposal.content.recipients }, mailbox);
  if (objection?.judged_at === "kill_switch") return { reason: objection.reason, until: at + LOOK_AGAIN };
  if (objection?.outcome === "blocked") return { ...objection, findings: findingsWith(objection, findings) };
  if (outcome === "blocked" && judged_at !== "kill_switch") return { reason, judged_at, findings };
  if (objection !== null) return { reason: objection.reason, until: objection.free_at };
  // A stop that was lifted since, a window with room by now.
  return outcome === "blocked" || outcome === "rate_limited" ? { reason, until: at + AFRESH } : null;
}

async function wait(
  tx: Tx,
  { at }: ScreenProposal,
  { draft, standing }: Underway,
  bar: { reason: string; until: number },
): Promise<Screened> {
  if (draft.reason !== bar.reason) await changeDraft(tx, draft.id, { reason: bar.reason }, at);
  return { ...decided(standing), wait_until: bar.until };
}

/** Who has it already has it: then the draft was sent, and only the rest is not. */
async function block(tx: Tx, proposal: ScreenProposal, { draft, standing }: Underway, bar: Block): Promise<Screened> {
  const { at, trace, audit_id, salt } = proposal;
  const { reason, judged_at, findings } = bar;
  // An earlier attempt took this round's decision of the stage.
  const round = standing.stage === "send" ? draft.round + 1 : draft.round;
  const judged = { stage: "send", outcome: "blocked", reason, judged_at, findings } as const;
  const decision = screeningDecision(proposal, { ...judged, reservations: [], supersedes: standing.id });
  const state = (await endDeliveries(tx, draft.id, at)) ? "sent" : "blocked";
  await changeDraft(tx, draft.id, { state, reason, round, decision: decision.id }, at);
  await recordOutbound(tx, { ...draft, round }, decidedContent(proposal), { decision, trace, audit_id, salt });
  return decided(decision);
}

/**
 * By today's keys and today's policy. INVARIANT (DESIGN §9.6): an approval is for the hash that is sent, by a quorum of those
 * who may approve now.
 */
async function isApproved(tx: Tx, { input, revision, at }: ScreenProposal): Promise<boolean> {
  const { tenant, mailbox, draft } = input;
  const hold = await holdState(tx, tenant, draft);
  if (hold === null || hold.status !== "approved" || hold.content_hash !== revision.content_hash) return false;
  const { terms } = await termsToday(tx, input, at);
  const actors = hold.approvals.map(({ actor }) => actor);
  const rules = await holdRules(tx, { tenant, mailbox, kind: hold.kind, direction: "outbound", escalated: hold.escalated }, terms, actors);
  return hasQuorum(hold, rules);
}

interface Asking extends Underway {
  readonly mailbox: SendingMailbox;
  readonly mode: Mode;
  readonly question: Question;
}

/** A new round: its decision of submitting says that people are asked again, or for the first time. */
async function askAgain(tx: Tx, proposal: ScreenProposal, { draft, standing, mailbox, mode, question }: Asking): Promise<Screened> {
  const { at, trace, audit_id, salt } = proposal;
  const { id, tenant } = draft;
  const wasAsked = (await holdTimes(tx, id)) !== null;
  const reason = wasAsked ? "approval_stale" : question.reason;
  const { terms } = await termsToday(tx, draft, at);
  const hold = wasAsked ? await reopenHold(tx, { id, tenant, reason }, terms) : await beginHold(tx, proposal, mailbox, reason);
  const round = draft.round + 1;
  const judged = { stage: "submit", outcome: "pending_send_approval", reason, judged_at: question.judged_at } as const;
  const { findings } = proposal;
  const decision = screeningDecision(proposal, { ...judged, findings, reservations: [], supersedes: standing.id });
  await changeDraft(tx, id, { state: "pending_send_approval", reason, mode, round, decision: decision.id }, at);
  await recordOutbound(tx, { ...draft, round }, decidedContent(proposal), { decision, trace, audit_id, salt });
  return { kind: "stale", decision, hold };
}

/** It may go: what it was reserved for counts from now. */
async function pass(tx: Tx, { input, at }: ScreenProposal, { draft, standing }: Underway, mode: Mode): Promise<Screened> {
  const { tenant, mailbox, draft: id, kind } = input;
  if (kind === "draft") await reserveSend(tx, { tenant, mailbox, draft: id, at });
  const reason = isWait(draft.reason) ? standing.reason : draft.reason;
  if (reason !== draft.reason || mode !== draft.mode) await changeDraft(tx, id, { reason, mode }, at);
  return decided(standing);
}

function isWait(reason: string): boolean {
  return reason.startsWith("stopped_") || reason.startsWith("send_limit_");
}
