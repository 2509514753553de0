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
import { claimAttempt, endAttempt, findAttempt } from "./send-attempts.ts";
import { barTo } from "./send-bars.ts";
import { reserveSend } from "./send-caps.ts";
import { addSent } from "./sent-mail.ts";

/**
 * The step from which on mail may be on its way. INVARIANT (DESIGN §4.5, §9.7): of all that may have been about to send this
 * draft one gets past this, with the bytes that were judged, and only while nothing forbids it.
 */
export async function claimSend(tx: Tx, draft: DraftsTable, claim: SendClaim): Promise<Result<"sends.claim">> {
  const { attempt, accepted, at } = claim;
  const opened = await findAttempt(tx, draft.id, attempt);
  if (opened === null || opened.phase !== "connect" || opened.content_hash !== claim.content_hash) return LOST;
  const due = (await deliveriesOf(tx, draft.id)).filter(isDue);
  const claimed = due.filter(({ recipient }) => accepted.includes(recipient));
  const bar = await barTo(tx, draft, claim, claimed);
  if (bar !== null) {
    await endAttempt(tx, opened, "given_up", at);
    return { claimed: false, ...bar };
  }
  if (claimed.length === 0 || claimed.length !== accepted.length)
    throw new PosternError("internal", "a claim for somebody not to be tried");
  if (!(await claimAttempt(tx, draft.id, attempt, accepted, at))) return LOST;
  await recordClaim(tx, draft, claim);
  return { claimed: true };
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
