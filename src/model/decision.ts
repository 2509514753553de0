import type { Finding } from "./finding.ts";
import type { DecisionId, MessageId, PolicyId } from "./ids.ts";
import type { Verification } from "./message.ts";
import type { OutboundOutcome } from "./outbound.ts";

export const INBOUND_OUTCOMES = [
  "delivered",
  "held",
  "quarantined",
  "rejected_at_verification",
  "rejected_at_policy",
  "rejected_at_content_guard",
  "rate_limited",
  "budget_exhausted",
  "discarded",
  "deferred",
] as const;

/** `deferred` is not final: the sender is told 451 and may try again. */
export type InboundOutcome = (typeof INBOUND_OUTCOMES)[number];
export type FinalOutcome = Exclude<InboundOutcome, "deferred">;

/** Part of the path at which a decision is made. `submit` and `send` belong to outbound mail. */
export type Stage = "inbound" | "release" | "submit" | "send";

/** The step of the fixed order of judgement that settled it (MB-12). */
export type JudgedAt =
  "sender_match" | "verification" | "loop" | "content_guards" | "rate_limit" | "token_budget" | "admitted" | "person" | ScreenedAt;

/** The step of the fixed order of screening that settled an outbound decision (DESIGN §4.3). */
export type ScreenedAt =
  | "kill_switch"
  | "mode"
  | "lists"
  | "suppression"
  | "caps"
  | "outbound_guards"
  | "first_contact"
  | "oversight"
  | "author"
  | "expiry"
  | "person"
  | "admitted";

export interface PolicyPin {
  readonly id: PolicyId;
  readonly version: number;
  readonly digest: string;
}

/** One charge against a rolling window or a budget. */
export interface Reservation {
  readonly ledger: "rate" | "tokens" | "sends";
  readonly scope: "sender" | "thread" | "mailbox";
  readonly amount: number;
}

/** Every reason an inbound decision can carry besides a content guard's own. */
export const REASONS = [
  "sender_rule",
  "no_matching_sender_rule",
  "identity_ambiguous",
  "sender_unverified",
  "dkim_required",
  "spf_required",
  "dmarc_required",
  "rate_limit_per_hour",
  "rate_limit_per_day",
  "token_budget_per_thread",
  "token_budget_per_day",
  "loop",
  "guard_error",
  "dns_unavailable",
  "raw_missing",
  "released_by_person",
  "discarded_by_person",
  "gated_all",
  "hold_expired",
] as const;

/** Who caused a decision: the gate itself, a key by its id, or an unsigned signal where `trustNamespace` lets it count. */
export type Actor = "postern" | "namespace" | `key:${string}`;

/** The only place where facts become a verdict. At most one final decision per message and stage. */
export interface Decision<Outcome extends InboundOutcome | OutboundOutcome = InboundOutcome> {
  readonly id: DecisionId;
  readonly message: MessageId;
  /** Temporal run id of the judgement. */
  readonly run: string;
  readonly direction: "inbound" | "outbound";
  readonly stage: Stage;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly judged_at: JudgedAt;
  /** Index into the policy's `senders`; null when none matched. */
  readonly rule_index: number | null;
  readonly policy: PolicyPin;
  readonly findings: readonly Finding[];
  readonly verification: Verification | null;
  readonly capabilities: readonly string[];
  readonly reservations: readonly Reservation[];
  /** The decision this one follows, e.g. the hold that a release ends. */
  readonly supersedes: DecisionId | null;
  /** RFC 3339, UTC, milliseconds. */
  readonly at: string;
  readonly actor: Actor;
}

export type OutboundDecision = Decision<OutboundOutcome>;

export function isFinal(outcome: InboundOutcome): outcome is FinalOutcome {
  return outcome !== "deferred";
}

/** Refused inside the SMTP transaction with a 5xx reply. */
export function isRefusal(outcome: InboundOutcome): boolean {
  switch (outcome) {
    case "rejected_at_verification":
    case "rejected_at_policy":
    case "rejected_at_content_guard":
    case "rate_limited":
    case "budget_exhausted":
      return true;
    case "delivered":
    case "held":
    case "quarantined":
    case "discarded":
    case "deferred":
      return false;
    default:
      return outcome satisfies never;
  }
}
