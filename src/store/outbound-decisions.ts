import type { OutboundDecision } from "../model/decision.ts";
import type { RevisionRef } from "../model/outbound.ts";
import { appendDecision } from "./audit.ts";
import type { Trace } from "./contract.ts";
import type { Fresh, RevisionContent, ScreenProposal } from "./contract-outbound.ts";
import { finalsOfDraft, recordDecision } from "./decisions.ts";
import type { Tx } from "./operation.ts";
import type { DraftsTable } from "./schema.ts";

/** The draft a decision is about. `round`: the one that the decision belongs to. */
type DecidedDraft = Pick<DraftsTable, "id" | "tenant" | "mailbox" | "message" | "thread" | "round" | "retention_days">;

/** The version that was decided on. */
export type DecidedContent = Pick<RevisionRef, "number" | "content_hash"> &
  Pick<RevisionContent, "envelope_sender" | "recipients" | "subject">;

export interface Decided extends Fresh {
  readonly decision: OutboundDecision;
  readonly trace: Trace;
  /** Words of people; erased with the rest of what is private. */
  readonly note?: string;
}

/** A final decision about a draft with its audit entry. INVARIANT (DESIGN §9.8): once per (draft, stage, round). */
export async function recordOutbound(tx: Tx, draft: DecidedDraft, content: DecidedContent, decided: Decided): Promise<void> {
  const { decision, trace, audit_id, salt, note } = decided;
  const { id, tenant, mailbox, thread, round } = draft;
  const { number: revision, content_hash, envelope_sender, subject } = content;
  const recipients = content.recipients.map(({ address }) => address);
  await recordDecision(tx, decision, { tenant, mailbox, thread, body_sha256: null, round });
  await appendDecision(
    tx,
    {
      id: audit_id,
      tenant,
      mailbox,
      thread,
      decision,
      trace,
      body_sha256: null,
      addresses: { from: null, envelope_sender, recipient: null, ip: null, recipients },
      draft: { id, round, revision, content_hash },
    },
    {
      salt,
      details: { envelope_sender, recipients: content.recipients, subject, ...(note === undefined ? {} : { note }) },
      retentionDays: draft.retention_days,
    },
  );
  tx.touch(`draft:${id}`);
}

type Judged = Pick<OutboundDecision, "stage" | "outcome" | "reason" | "judged_at" | "findings" | "reservations" | "supersedes">;

/** What screening decided, with all that its decisions say alike. */
export function screeningDecision(proposal: ScreenProposal, judged: Judged): OutboundDecision {
  return {
    id: proposal.decision_id,
    message: proposal.input.message,
    run: proposal.trace.run_id,
    direction: "outbound",
    rule_index: null,
    policy: proposal.policy,
    verification: null,
    capabilities: [],
    at: new Date(proposal.at).toISOString(),
    actor: "postern",
    ...judged,
  };
}

/** The version that a proposal is about. */
export function decidedContent({ revision, content }: ScreenProposal): DecidedContent {
  const { number, content_hash } = revision;
  const { envelope_sender, recipients, subject } = content;
  return { number, content_hash, envelope_sender, recipients, subject };
}

/** Later in a round comes first. */
const STAGES: readonly OutboundDecision["stage"][] = ["send", "release", "submit"];

/** What holds for the draft now: the last final decision of its latest round. Null before the first. */
export async function standingDecision(tx: Tx, { message }: Pick<DraftsTable, "message">): Promise<OutboundDecision | null> {
  const finals = await finalsOfDraft(tx, message);
  const rank = (stage: OutboundDecision["stage"]): number => STAGES.indexOf(stage);
  const [last] = finals.toSorted((one, other) => other.round - one.round || rank(one.decision.stage) - rank(other.decision.stage));
  return last?.decision ?? null;
}
