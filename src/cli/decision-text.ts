import type { InboundOutcome } from "../model/decision.ts";
import { isRefusal } from "../model/decision.ts";
import type { Verification } from "../model/message.ts";
import type { Colour, Session } from "./session.ts";

/** The HTTP door's decision, as far as people are shown of it. */
export interface Decision {
  readonly id: string;
  readonly message_id: string;
  readonly thread_id: string | null;
  readonly stage: string;
  readonly final: boolean;
  readonly outcome: InboundOutcome;
  readonly reason: string;
  readonly judged_at: string;
  readonly rule_index: number | null;
  readonly policy: { readonly id: string; readonly version: number; readonly digest: string };
  readonly findings: readonly Finding[];
  readonly verification: Verification | null;
  readonly capabilities: readonly string[];
  readonly reservations: readonly Reservation[];
  readonly supersedes: string | null;
  readonly at: string;
  readonly actor: string;
}

export interface Finding {
  readonly guard: string;
  readonly code: string;
  readonly severity: number;
  readonly score?: number;
  readonly where: string;
  readonly rule_index?: number;
}

export interface Reservation {
  readonly ledger: string;
  readonly scope: string;
  readonly amount: number;
}

export type Field = readonly [string, string | null];

export function decisionFields(decision: Decision): Field[] {
  const { rule_index, policy, capabilities, findings, reservations } = decision;
  return [
    ["outcome", decision.outcome],
    ["reason", decision.reason],
    ["judged at", spaced(decision.judged_at)],
    ["rule", rule_index === null ? "none matched" : `senders[${rule_index}]`],
    ["verification", decision.verification === null ? null : formatVerification(decision.verification)],
    ["capabilities", capabilities.length === 0 ? "none" : capabilities.join(" ")],
    ["charged", reservations.length === 0 ? null : reservations.map(formatReservation).join(", ")],
    ["findings", findings.length === 0 ? null : findings.map(formatFinding).join(", ")],
    ["policy", `version ${policy.version} (${policy.id})`],
    ["decision", decision.id],
    ["message", decision.message_id],
    ["supersedes", decision.supersedes],
    ["by", decision.actor],
  ];
}

export function formatVerification({ spf, dkim, dmarc, arc, from_alignment }: Verification): string {
  const aligned = [from_alignment.spf ? "spf" : null, from_alignment.dkim ? "dkim" : null].filter((each) => each !== null);
  return `spf ${spf}, dkim ${dkim}, dmarc ${dmarc}, arc ${arc}; From ${aligned.length === 0 ? "not proven" : `proven by ${aligned.join(" and ")}`}`;
}

export function formatReservation({ ledger, scope, amount }: Reservation): string {
  const unit = ledger === "tokens" ? "tokens" : amount === 1 ? "message" : "messages";
  return `${amount} ${unit} per ${scope}`;
}

export function formatFinding({ guard, code, severity, score, where }: Finding): string {
  return `${guard} ${code} in ${where} (severity ${severity}${score === undefined ? "" : `, score ${score}`})`;
}

export function paintOutcome({ paint }: Pick<Session, "paint">, text: string, outcome: InboundOutcome): string {
  return paint(colourOf(outcome), text);
}

function colourOf(outcome: InboundOutcome): Colour {
  if (outcome === "delivered") return "green";
  return isRefusal(outcome) ? "red" : "yellow";
}

/** `content_guards` → `content guards`. */
export function spaced(name: string): string {
  return name.replaceAll("_", " ");
}
