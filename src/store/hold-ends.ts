import type { Actor, JudgedAt, OutboundDecision, PolicyPin } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import type { HoldStatus } from "../model/hold.ts";
import type { DecisionId } from "../model/ids.ts";
import type { DraftState, OutboundOutcome, OutboundReason } from "../model/outbound.ts";
import type { Trace } from "./contract.ts";
import type { Fresh } from "./contract-outbound.ts";
import { changeDraft } from "./drafts.ts";
import type { Held } from "./held.ts";
import { touchHold } from "./hold-rows.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import { recordOutbound, standingDecision } from "./outbound-decisions.ts";
import { releaseMessage } from "./released.ts";
import { currentRevision, endDeliveries } from "./revisions.ts";
import type { DraftsTable, HoldsTable } from "./schema.ts";

/** How a round of waiting ends. */
export type HoldEnd = Exclude<HoldStatus, "waiting">;

/** By whom or what, when, and under which names it is recorded. */
export interface Ending extends Fresh {
  readonly actor: Actor;
  /** A person's words. */
  readonly note: string | null;
  /** In force now; null: the mailbox has none. */
  readonly policy: PolicyPin | null;
  readonly trace: Trace;
  readonly at: number;
  readonly decision_id: DecisionId;
}

const updateEnded = once((db, { id, status, at }: Pick<HoldsTable, "id"> & { status: HoldEnd; at: number }) =>
  db.updateTable("holds").set({ status, decided_at: at }).where("id", "=", id).where("status", "=", "waiting"),
);

/** The hold's row alone; what it was about is moved by its own. */
async function closeHold(tx: Tx, hold: Pick<HoldsTable, "id" | "tenant">, status: HoldEnd, at: number): Promise<void> {
  await tx.later(updateEnded, { id: hold.id, status, at });
  touchHold(tx, hold);
}

/** The hold and what it was about. */
export async function endHeld(tx: Tx, { row, about }: Held, end: HoldEnd, ending: Ending): Promise<void> {
  await closeHold(tx, row, end, ending.at);
  if (about.kind === "send") return endDraft(tx, about.draft, end, ending);
  if (about.waiting === null) throw new PosternError("internal", "a hold that waits about mail that does not");
  const { policy: _, ...release } = ending;
  await releaseMessage(tx, about.waiting, { ...release, ...INBOUND_ENDS[end] });
}

/** Inbound: whatever does not let it through throws it away. */
const INBOUND_ENDS = {
  approved: { outcome: "delivered", reason: "released_by_person", judged_at: "person" },
  rejected: { outcome: "discarded", reason: "discarded_by_person", judged_at: "person" },
  cancelled: { outcome: "discarded", reason: "discarded_by_person", judged_at: "person" },
  expired: { outcome: "discarded", reason: "hold_expired", judged_at: "expiry" },
} as const;

/** Where the draft goes from here, and the decision of this round. */
async function endDraft(tx: Tx, draft: DraftsTable, end: HoldEnd, ending: Ending): Promise<void> {
  const { outcome, judged_at } = DRAFT_ENDS[end];
  const reason = reasonOf(draft, end, ending.actor);
  await moveDraft(tx, draft, { stage: "release", outcome, reason, judged_at }, ending);
}

const DRAFT_ENDS = {
  approved: { outcome: "queued", judged_at: "person" },
  rejected: { outcome: "rejected", judged_at: "person" },
  cancelled: { outcome: "cancelled", judged_at: "person" },
  expired: { outcome: "expired", judged_at: "expiry" },
} as const satisfies Record<HoldEnd, { outcome: OutboundOutcome; judged_at: JudgedAt }>;

function reasonOf(draft: DraftsTable, end: HoldEnd, actor: Actor): OutboundReason {
  switch (end) {
    case "approved":
      return "approved_by_person";
    case "rejected":
      return "rejected_by_person";
    case "cancelled":
      return actor === `key:${draft.author}` ? "cancelled_by_author" : "cancelled_by_person";
    case "expired":
      return "hold_expired";
    default:
      return end satisfies never;
  }
}

/** Taken back by a person though it waited for nobody any more. Where sending was decided already, that begins another round. */
export async function takeBack(tx: Tx, draft: DraftsTable, ending: Ending): Promise<void> {
  const reason = reasonOf(draft, "cancelled", ending.actor);
  await moveDraft(tx, draft, { stage: "send", outcome: "cancelled", reason, judged_at: "person" }, ending);
}

type Verdict = Pick<OutboundDecision, "stage" | "reason" | "judged_at"> & { readonly outcome: OutboundOutcome & DraftState };

async function moveDraft(tx: Tx, draft: DraftsTable, verdict: Verdict, ending: Ending): Promise<void> {
  const { id } = draft;
  const { actor, at, note, trace, audit_id, salt, decision_id } = ending;
  const before = await standingDecision(tx, draft);
  if (before === null) throw new PosternError("internal", "a draft without the decision that it began with");
  const round = before.stage === "send" && verdict.stage === "send" ? draft.round + 1 : draft.round;
  if (verdict.outcome !== "queued") await endDeliveries(tx, id, at);
  await changeDraft(tx, id, { state: verdict.outcome, reason: verdict.reason, round, decision: decision_id }, at);
  const decision: OutboundDecision = {
    id: decision_id,
    message: draft.message,
    run: trace.run_id,
    direction: "outbound",
    ...verdict,
    rule_index: null,
    policy: ending.policy ?? before.policy,
    findings: [],
    verification: null,
    capabilities: [],
    reservations: [],
    supersedes: before.id,
    at: new Date(at).toISOString(),
    actor,
  };
  const decided = { decision, trace, audit_id, salt, ...(note === null ? {} : { note }) };
  await recordOutbound(tx, { ...draft, round }, await currentRevision(tx, draft), decided);
}
