import type { Identity, Verification } from "../model/message.ts";
import {
  decisionFields,
  formatFinding,
  formatReservation,
  formatVerification,
  paintOutcome,
  spaced,
  type Decision,
  type Finding,
  type Reservation,
} from "./decision-text.ts";
import type { Session } from "./session.ts";
import { attemptField, type Attempt } from "./attempt-text.ts";
import { auditText, type Recorded } from "./audit-text.ts";
import { channelText } from "./channel-text.ts";
import type { Delivery } from "./webhooks.ts";
import { flat } from "./flat.ts";
import { formatFields } from "./table.ts";
import { fold, wrap } from "./text.ts";
import { formatTime } from "./time.ts";

export interface Explanation {
  readonly deliveries: readonly Delivery[];
  readonly decision: Decision;
  readonly steps: readonly Step[];
  readonly policy: { readonly default_action: string | null };
  readonly receipts: readonly { readonly at: string; readonly peer: string; readonly helo: string; readonly reply: string }[];
  readonly hold: Waited | null;
  readonly attempts: readonly Attempt[];
  readonly audit: readonly AuditEntry[];
}

interface AuditEntry extends Recorded {
  readonly id: string;
  readonly at: string;
  readonly leaf_hash: string;
}

interface Waited {
  readonly status: string;
  readonly reason: string;
  readonly quorum: number;
  readonly approved_by: readonly string[];
  readonly created_at: string;
  readonly decided_at: string | null;
}

interface Step {
  readonly step: string;
  readonly result: "passed" | "decided" | "not_reached";
  readonly input: Readonly<Record<string, unknown>>;
  readonly rule: Readonly<Record<string, unknown>> | null;
  readonly findings: readonly Finding[];
  readonly cost: readonly Reservation[];
}

const MARK = { passed: "✓", decided: "✗", not_reached: "–" } as const;

/** The decision, then the steps in the order of judgement, then what was told and recorded. */
export function formatExplanation(session: Session, explanation: Explanation): string {
  const { decision, steps, policy, receipts, deliveries, hold, attempts, audit } = explanation;
  const { cells } = session;
  const headline = `${paintOutcome(session, decision.outcome, decision.outcome)}: ${spaced(decision.reason)}`;
  const told = receipts.map((receipt): [string, string] => [formatTime(receipt.at), `${receipt.peer} was told ${receipt.reply}`]);
  return [
    headline,
    "",
    formatFields([...decisionFields(decision), ["default", policy.default_action]], cells),
    "",
    formatFields(steps.map((step) => [`${MARK[step.result]} ${spaced(step.step)}`, describe(step)]), cells), // prettier-ignore
    ...section("Answers", told, cells),
    ...section("Deliveries", deliveries.map(deliveryField), cells),
    ...section("People", [...(hold === null ? [] : waitedFields(hold)), ...attempts.map(attemptField)], cells, fold),
    ...section("Audit", audit.map(auditField), cells),
  ].join("\n");
}

function deliveryField({ created_at, id, channel, state, reason, attempts }: Delivery): [string, string] {
  const why = reason === null ? "" : ` (${reason})`;
  return [formatTime(created_at), `${id} by ${channelText(channel)}: ${state}${why}, ${attempts} ${attempts === 1 ? "try" : "tries"}`];
}

function auditField(entry: AuditEntry): [string, string] {
  return [formatTime(entry.at), `${auditText(entry)}; ${entry.id} sha256 ${entry.leaf_hash}`];
}

function waitedFields({ status, reason, quorum, approved_by, created_at, decided_at }: Waited): [string, string][] {
  const approved = approved_by.length === 0 ? "" : `, approved by ${approved_by.join(" ")}`;
  return [
    [formatTime(created_at), `it waits: ${spaced(reason)}; ${quorum} must approve`],
    ...(decided_at === null ? [] : [[formatTime(decided_at), `${spaced(status)}${approved}`] satisfies [string, string]]),
  ];
}

/** `broken`: `fold` where agents may have chosen the words. */
function section(title: string, fields: readonly [string, string][], cells: number | null, broken = wrap): string[] {
  return fields.length === 0 ? [] : ["", title, formatFields(fields, cells, broken)];
}

function describe(step: Step): string {
  if (step.result === "not_reached") return "not reached";
  const parts = [
    inputText(step),
    ruleText(step),
    step.findings.map((finding) => findingText(finding, step.rule)).join(", "),
    step.cost.length === 0 ? "" : `charged ${step.cost.map(formatReservation).join(", ")}`,
  ];
  return parts.filter((part) => part !== "").join("; ") || spaced(step.result);
}

function inputText({ step, input }: Step): string {
  switch (step) {
    case "sender_match":
      return `${identityText(input["identity"] as Identity | null)}, envelope <${String(input["envelope_sender"] ?? "")}>`;
    case "verification":
      return input["verification"] === null ? "" : formatVerification(input["verification"] as Verification);
    default:
      return flat(input);
  }
}

function identityText(identity: Identity | null): string {
  if (identity === null) return "sender unknown";
  if (identity.kind === "ambiguous") return `sender ambiguous (${identity.why})`;
  return `${identity.address} (${identity.verified ? "verified" : "unverified"})`;
}

/** Patterns may be many: those that matched stand beside their finding. */
function ruleText({ rule }: Step): string {
  if (rule === null) return "";
  const { content_guards, index, ...rest } = rule;
  const patterns = Array.isArray(content_guards) ? `${content_guards.length} ${content_guards.length === 1 ? "pattern" : "patterns"}` : "";
  const name = typeof index === "number" ? `senders[${index}]` : "";
  const said = [name, patterns, flat(rest)].filter((part) => part !== "");
  return said.length === 0 ? "" : `rule ${said.join(" ")}`;
}

function findingText(finding: Finding, rule: Step["rule"]): string {
  const patterns = rule?.["content_guards"];
  const matched: unknown = Array.isArray(patterns) && finding.rule_index !== undefined ? patterns[finding.rule_index] : undefined;
  const { reject } = (matched ?? {}) as { readonly reject?: unknown };
  return typeof reject === "string" ? `${formatFinding(finding)} ${reject}` : formatFinding(finding);
}
