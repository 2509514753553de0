import { DEFAULT_OUTBOUND, DEFAULT_POLICY } from "../../policies/define.ts";
import { evaluateOutbound, type OutboundFacts, type OutboundVerdict } from "../../policies/outbound.ts";
import type { MailPolicy } from "../../policies/schema.ts";
import { NO_POLICY, readStored } from "../../policies/stored.ts";
import type { MailComposer } from "../mail/composer.ts";
import { PosternError } from "../model/errors.ts";
import type { Finding } from "../model/finding.ts";
import { foldRecipient } from "../model/fold.ts";
import { RECIPIENTS_GUARD } from "../model/guards.ts";
import type { TenantId } from "../model/ids.ts";
import type { OutboundInput, RevisionRef } from "../model/outbound.ts";
import type { Store } from "../store/contract.ts";
import type { RevisionContent, ScreeningFacts, ScreenProposal } from "../store/contract-outbound.ts";
import { Recent } from "./recent.ts";

/** The draft that is judged. */
export type Judged = Pick<OutboundInput, "tenant" | "mailbox" | "draft" | "thread" | "kind" | "author" | "in_reply_to">;

type Proposed = "outcome" | "reason" | "judged_at" | "policy" | "findings" | "mode" | "caps" | "audit" | "at";

/** What screening says: nothing is written, nothing is counted. Spread into a `ScreenProposal` it is on its way to be. */
export interface Judgement extends Pick<ScreenProposal, Proposed> {
  /** Whom it is blocked for, as they were written to; else empty. Personal data. */
  readonly refused: readonly string[];
  /** By which it was judged. */
  readonly facts: ScreeningFacts;
}

export interface Screening {
  /**
   * Every check of DESIGN §4.3 in its order, on what SQL and the policy in force say now: for a dry run (NY-14), at submit
   * and again before sending. Rejects with a temporary fault when it could not look; what can never be looked at holds.
   * `facts`: what SQL says, read a moment ago; default: it is asked.
   */
  judge(draft: Judged, revision: RevisionRef, content: RevisionContent, facts?: ScreeningFacts): Promise<Judgement>;
  /** What every guard found in the finished mail of this digest: it is not looked for again soon. */
  seen(tenant: TenantId, digest: string, findings: readonly Finding[]): void;
}

export interface ScreeningDeps {
  readonly store: Store;
  readonly composer: Pick<MailComposer, "scan">;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Told what a draft is held for when a guard failed. */
  readonly onFault: (error: unknown) => void;
}

/** What guards saw in bytes is the same the next time; new code begins with an empty memory. */
const REMEMBERED = { entries: 1_024, ms: 3_600_000 };

export function createScreening(deps: ScreeningDeps): Screening {
  const scans = new Recent<readonly Finding[]>(REMEMBERED, deps.clock);
  return {
    seen: (tenant, digest, findings) => void scans.get(nameOf(tenant, digest), async () => findings),
    judge: async (draft, revision, content, given) => {
      const at = deps.clock();
      const recipients = content.recipients.map(({ address }) => foldRecipient(address));
      const known = given ?? (await factsOf(deps.store, draft, recipients, at));
      const pin = known.policy === null ? NO_POLICY : pinOf(known.policy);
      const policy = known.policy === null ? DEFAULT_POLICY : readStored(known.policy.digest, known.policy.document);
      if (policy === null) return { ...UNREADABLE, mode: known.mode, policy: pin, at, facts: known };
      const facts = { ...known, no_overseer: known.oversight_address === null, kind: draft.kind, recipients };
      const { findings, verdict } = await look(deps, scans, { policy, facts, draft, revision });
      const { outcome, reason, judged_at, mode, caps, refused } = verdict;
      return {
        ...{ outcome, reason, judged_at, mode, caps, policy: pin, at },
        findings: [...findings, ...refused.map((recipient) => refusal(reason, recipient))],
        audit: { retentionDays: policy.auditLog.retentionDays },
        refused: refused.map((index) => content.recipients[index]?.address ?? ""),
        facts: known,
      };
    },
  };
}

/** NY-11: by a policy that cannot be read nobody knows who must not be written to, nor who may approve it. */
const UNREADABLE = {
  outcome: "blocked",
  reason: "invalid_policy",
  judged_at: "lists",
  caps: { perHour: DEFAULT_OUTBOUND.perHour, perDay: DEFAULT_OUTBOUND.perDay },
  findings: [],
  audit: { retentionDays: DEFAULT_POLICY.auditLog.retentionDays },
  refused: [],
} as const satisfies Partial<Judgement>;

async function factsOf(
  store: Store,
  { tenant, mailbox, draft, thread, author, in_reply_to }: Judged,
  recipients: readonly string[],
  at: number,
): Promise<ScreeningFacts> {
  const facts = await store.run("outbound.facts", { tenant, mailbox, draft, thread, author, in_reply_to, recipients, at });
  if (facts === null) throw new PosternError("not_found", "there is no such mailbox");
  return facts;
}

function pinOf({ id, version, digest }: NonNullable<ScreeningFacts["policy"]>): Judgement["policy"] {
  return { id, version, digest };
}

interface Case {
  readonly policy: MailPolicy;
  readonly facts: OutboundFacts;
  readonly draft: Judged;
  readonly revision: RevisionRef;
}

/** The content is only looked at when nothing before refuses it, and never that of the overseer's copy. */
async function look(
  deps: ScreeningDeps,
  scans: Recent<readonly Finding[]>,
  { policy, facts, draft, revision }: Case,
): Promise<{ readonly findings: readonly Finding[]; readonly verdict: OutboundVerdict }> {
  const blind = evaluateOutbound(policy, facts, []);
  const isRefused = blind.outcome === "blocked" || blind.outcome === "rate_limited";
  if (isRefused || draft.kind === "copy") return { findings: [], verdict: blind };
  const mime = { tenant: draft.tenant, ref: revision.mime };
  const findings = await scans.get(nameOf(draft.tenant, mime.ref.digest), () => deps.composer.scan(mime)).catch(orHeld(deps));
  // INVARIANT (DESIGN §9.4): a guard that failed holds the draft, it never lets it pass.
  return { findings: findings ?? [], verdict: evaluateOutbound(policy, facts, findings) };
}

function nameOf(tenant: TenantId, digest: string): string {
  return `${tenant}/${digest}`;
}

function orHeld({ onFault }: ScreeningDeps): (error: unknown) => null {
  return (error) => {
    if (error instanceof PosternError && error.temporary) throw error;
    onFault(error);
    return null;
  };
}

function refusal(code: string, recipient: number): Finding {
  return { guard: RECIPIENTS_GUARD, code, severity: 3, where: "headers", recipient };
}
