import type { InboundOutcome, JudgedAt } from "../src/model/decision.ts";
import type { Finding } from "../src/model/finding.ts";
import { CONTENT_GUARD } from "../src/model/guards.ts";
import type { MessageFacts } from "../src/model/message.ts";
import type { MailPolicy, SenderRule } from "./schema.ts";
import { matchSender } from "./senders.ts";

/** What a judgement looks at. `lists`: names of the tenant's lists the sender is on. */
export interface InboundFacts extends Pick<MessageFacts, "identity" | "verification" | "loop"> {
  readonly lists: readonly string[];
}

/** What the policy says. `delivered` still has to pass the limits, which the store applies. */
export interface InboundVerdict {
  readonly outcome: InboundOutcome;
  readonly reason: string;
  readonly judged_at: JudgedAt;
  /** Index into `senders`; null when none matched. */
  readonly rule_index: number | null;
  /** The rule's, where the message reaches the agent now or by a release; else empty. */
  readonly capabilities: readonly string[];
  /** Windows and budgets to apply; null unless `delivered`. */
  readonly limits: InboundLimits | null;
  readonly audit: { readonly retentionDays: number; readonly includeBodyHash: boolean };
}

export interface InboundLimits {
  readonly perHour?: number;
  readonly perDay?: number;
  readonly tokensPerThread?: number;
  readonly tokensPerDay?: number;
  readonly onLimit: "refuse" | "defer";
}

/** What one step of the judgement settles. */
type Settled = Pick<InboundVerdict, "outcome" | "reason" | "judged_at">;

/**
 * The judgement of one message: pure, total, in a fixed order (MB-12): sender match, verification, loop, content guards.
 * The first step that settles it is the one recorded. Called without findings it says whether the content needs to be
 * looked at: only `delivered` does.
 *
 * Facts must be final: a DNS failure that could change them is for the caller to defer.
 *
 * INVARIANT (DESIGN §9.4): another finding never loosens the outcome (`STRICTNESS`).
 */
export function evaluateInbound(policy: MailPolicy, facts: InboundFacts, findings: readonly Finding[]): InboundVerdict {
  const { identity } = facts;
  if (identity.kind === "ambiguous") return verdict(policy, null, unverified("identity_ambiguous"));
  const index = matchSender(policy, identity.address, facts.lists);
  const rule = index === null ? undefined : policy.senders[index];
  if (index === null || rule === undefined) return verdict(policy, null, noRule(policy));
  const settled = verify(rule, facts) ?? loop(facts) ?? judgeFindings(policy, findings) ?? settle("delivered", "sender_rule", "admitted");
  return verdict(policy, index, settled);
}

function verdict(policy: MailPolicy, index: number | null, settled: Settled): InboundVerdict {
  const rule = index === null ? undefined : policy.senders[index];
  const reaches = settled.outcome === "delivered" || settled.outcome === "held" || settled.outcome === "quarantined";
  return {
    ...settled,
    rule_index: index,
    capabilities: reaches ? (rule?.capabilities ?? []) : [],
    limits: settled.outcome === "delivered" && rule !== undefined ? limitsOf(rule) : null,
    audit: policy.auditLog,
  };
}

function noRule({ defaultAction }: MailPolicy): Settled {
  const reason = "no_matching_sender_rule";
  switch (defaultAction) {
    case "bounce":
      return settle("rejected_at_policy", reason, "sender_match");
    case "drop":
      return settle("discarded", reason, "sender_match");
    case "quarantine":
      return settle("quarantined", reason, "sender_match");
    case "hold":
      return settle("held", reason, "sender_match");
    default:
      return defaultAction satisfies never;
  }
}

/** MB-04. A result that is not `pass` is none, and a pass for another domain proves nothing about `From`. */
function verify({ match }: SenderRule, { identity, verification }: InboundFacts): Settled | null {
  const { spf, dkim, dmarc, from_alignment: aligned } = verification;
  if (match.requireDkim === true && !(dkim === "pass" && aligned.dkim)) return unverified("dkim_required");
  if (match.requireSpf === true && !(spf === "pass" && aligned.spf)) return unverified("spf_required");
  if (match.requireDmarc === true && dmarc !== "pass") return unverified("dmarc_required");
  const asks = match.requireDkim === true || match.requireSpf === true || match.requireDmarc === true;
  const proven = asks || match.allowUnverified === true || (identity.kind === "sender" && identity.verified);
  return proven ? null : unverified("sender_unverified");
}

function loop(facts: InboundFacts): Settled | null {
  return facts.loop === null ? null : settle("discarded", "loop", "loop");
}

/** Outcomes of the content guards, from loose to strict. */
export const STRICTNESS = ["delivered", "held", "quarantined", "rejected_at_content_guard"] as const;

const OUTCOME_OF = { reject: "rejected_at_content_guard", quarantine: "quarantined", hold: "held" } as const;

/** The strictest action counts; of equals the policy's own patterns first, by index, then the guards by name. */
function judgeFindings(policy: MailPolicy, findings: readonly Finding[]): Settled | null {
  const settled = [...contentSettled(policy, findings), ...guardSettled(policy, findings)];
  return settled.reduce<Settled | null>((best, next) => (best === null || rank(next) > rank(best) ? next : best), null);
}

function rank({ outcome }: Settled): number {
  return STRICTNESS.findIndex((name) => name === outcome);
}

function contentSettled(policy: MailPolicy, findings: readonly Finding[]): readonly Settled[] {
  const indices = new Set(findings.filter(({ guard }) => guard === CONTENT_GUARD).map(({ rule_index }) => rule_index ?? -1));
  return [...indices]
    .toSorted((a, b) => a - b)
    .map((index) => {
      const rule = policy.contentGuards[index];
      // A finding of a pattern this policy does not have is an error, and an error holds.
      return rule === undefined ? guarded("held", "guard_error") : guarded(OUTCOME_OF[rule.action], rule.reason);
    });
}

/** Every guard alike, by the document alone. The reason is the guard's name; its finding has the code. */
function guardSettled(policy: MailPolicy, findings: readonly Finding[]): readonly Settled[] {
  return Object.entries(policy.guards)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, rule]) => {
      if (rule === undefined || rule.mode === "shadow" || rule.action === "record") return [];
      const { above, action } = rule;
      const counts = findings.some(({ guard, score, severity }) => guard === name && !((score ?? severity) <= above));
      return counts ? [guarded(OUTCOME_OF[action], name)] : [];
    });
}

function limitsOf({ rateLimit, tokenBudget, onLimit }: SenderRule): InboundLimits {
  return {
    ...(rateLimit?.perHour === undefined ? {} : { perHour: rateLimit.perHour }),
    ...(rateLimit?.perDay === undefined ? {} : { perDay: rateLimit.perDay }),
    ...(tokenBudget?.perThread === undefined ? {} : { tokensPerThread: tokenBudget.perThread }),
    ...(tokenBudget?.perDay === undefined ? {} : { tokensPerDay: tokenBudget.perDay }),
    onLimit,
  };
}

function unverified(reason: string): Settled {
  return settle("rejected_at_verification", reason, "verification");
}

function guarded(outcome: InboundOutcome, reason: string): Settled {
  return settle(outcome, reason, "content_guards");
}

function settle(outcome: InboundOutcome, reason: string, judged_at: JudgedAt): Settled {
  return { outcome, reason, judged_at };
}
