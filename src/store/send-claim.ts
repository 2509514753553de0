import type { OutboundDecision } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import type { Result } from "./contract.ts";
import type { SendClaim } from "./contract-outbound.ts";
import { finalsOfDraft } from "./decisions.ts";
import { deliveriesOf, isDue } from "./deliveries.ts";
import { changeDraft } from "./drafts.ts";
import type { Tx } from "./operation.ts";
import { recordOutbound, standingDecision } from "./outbound-decisions.ts";
import { currentRevision } from "./revisions.ts";
import type { DraftsTable } from "./schema.ts";
import { attemptAfter, claimAttempt, endAttempt, findAttempt, openAttempt } from "./send-attempts.ts";
import { barTo } from "./send-bars.ts";
import { reserveSend } from "./send-caps.ts";
import { addSent } from "./sent-mail.ts";

/**
 * The step from which on mail may be on its way. INVARIANT (DESIGN §4.5, §9.7): of all that may have been about to send this
 * draft one gets past this, with the bytes that were judged, and only while nothing forbids it.
 */
export async function claimSend(tx: Tx, draft: DraftsTable, claim: SendClaim): Promise<Result<"sends.claim">> {
  const { attempt, accepted, at } = claim;
  if (!(await isFree(tx, draft, claim))) return LOST;
  const due = (await deliveriesOf(tx, draft.id)).filter(isDue);
  const claimed = due.filter(({ recipient }) => accepted.includes(recipient));
  const bar = await barTo(tx, draft, claim, claimed);
  if (bar !== null) {
    if (claim.on_record) await endAttempt(tx, { draft: draft.id, attempt }, "given_up", at);
    return { claimed: false, ...bar };
  }
  if (claimed.length === 0 || claimed.length !== accepted.length)
    throw new PosternError("internal", "a claim for somebody not to be tried");
  const { content_hash } = claim;
  if (!claim.on_record) await openAttempt(tx, { draft: draft.id, attempt, content_hash, recipients: [], opened_at: at });
  if (!(await claimAttempt(tx, claim))) return LOST;
  await recordClaim(tx, draft, claim);
  return { claimed: true };
}

/** INVARIANT: the number of an attempt that nothing is written of is free until somebody claims it, and then his. */
async function isFree(tx: Tx, { id }: DraftsTable, { attempt, on_record, content_hash }: SendClaim): Promise<boolean> {
  if (!on_record) return (await attemptAfter(tx, id)) === attempt;
  const opened = await findAttempt(tx, id, attempt);
  return opened !== null && opened.phase === "connect" && opened.content_hash === content_hash;
}

const LOST = { claimed: false, why: "lost", until: null } as const;

async function recordClaim(tx: Tx, draft: DraftsTable, claim: SendClaim): Promise<void> {
  const { at, trace, audit_id, salt } = claim;
  const { id, tenant, mailbox } = draft;
  if (draft.kind === "draft") await reserveSend(tx, { tenant, mailbox, draft: id, at });
  await changeDraft(tx, id, { state: "sending", reason: "claimed" }, at);
  const revision = await currentRevision(tx, draft);
  await addSent(tx, draft, revision, claim.accepted, at);
  if (await isDecided(tx, draft)) return;
  const decision = await decisionOn(tx, draft, claim);
  await recordOutbound(tx, draft, revision, { decision, trace, audit_id, salt });
}

/** A retry of the same round was decided with the first. */
async function isDecided(tx: Tx, { message, round }: DraftsTable): Promise<boolean> {
  const finals = await finalsOfDraft(tx, message);
  return finals.some((final) => final.decision.stage === "send" && final.round === round);
}

async function decisionOn(tx: Tx, draft: DraftsTable, { decision_id, policy, trace, at }: SendClaim): Promise<OutboundDecision> {
  const standing = await standingDecision(tx, draft);
  return {
    id: decision_id,
    message: draft.message,
    run: trace.run_id,
    direction: "outbound",
    stage: "send",
    outcome: "sending",
    reason: "claimed",
    judged_at: "admitted",
    rule_index: null,
    policy,
    findings: [],
    verification: null,
    capabilities: [],
    reservations: draft.kind === "draft" ? [{ ledger: "sends", scope: "mailbox", amount: 1 }] : [],
    supersedes: standing?.id ?? null,
    at: new Date(at).toISOString(),
    actor: "postern",
  };
}
