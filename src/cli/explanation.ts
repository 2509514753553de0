import {
  decisionFields,
  formatFinding,
  formatReservation,
  paintOutcome,
  spaced,
  type Decision,
  type Finding,
  type Reservation,
} from "./decision-text.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";
import { formatTime } from "./time.ts";

export interface Explanation {
  readonly decision: Decision;
  readonly steps: readonly Step[];
  readonly policy: { readonly default_action: string | null };
  readonly receipts: readonly { readonly at: string; readonly peer: string; readonly helo: string; readonly reply: string }[];
  readonly audit: readonly { readonly id: string; readonly at: string; readonly leaf_hash: string }[];
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
export function formatExplanation(session: Session, { decision, steps, policy, receipts, audit }: Explanation): string {
  const { cells } = session;
  const headline = `${paintOutcome(session, decision.outcome, decision.outcome)}: ${spaced(decision.reason)}`;
  const told = receipts.map((receipt): [string, string] => [formatTime(receipt.at), `${receipt.peer} was told ${receipt.reply}`]);
  const recorded = audit.map((entry): [string, string] => [formatTime(entry.at), `${entry.id} sha256 ${entry.leaf_hash}`]);
  return [
    headline,
    "",
    formatFields([...decisionFields(decision), ["default", policy.default_action]], cells),
    "",
    formatFields(steps.map((step) => [`${MARK[step.result]} ${spaced(step.step)}`, describe(step)]), cells), // prettier-ignore
    ...section("Answers", told, cells),
    ...section("Audit", recorded, cells),
  ].join("\n");
}

function section(title: string, fields: readonly [string, string][], cells: number | null): string[] {
  return fields.length === 0 ? [] : ["", title, formatFields(fields, cells)];
}

function describe({ result, input, rule, findings, cost }: Step): string {
  if (result === "not_reached") return "not reached";
  const parts = [
    flat(input),
    rule === null ? "" : `rule: ${flat(rule)}`,
    findings.map(formatFinding).join(", "),
    cost.length === 0 ? "" : `charged ${cost.map(formatReservation).join(", ")}`,
  ];
  return parts.filter((part) => part !== "").join("; ") || (result === "passed" ? "passed" : "decided");
}

/** `identity.address=boss@acme.example`: nested facts on one line, without what is null. */
function flat(value: unknown, path = ""): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return `${path}=${String(value)}`;
  const entries = Object.entries(value).map(([name, each]) => flat(each, path === "" ? name : `${path}.${name}`));
  return entries.filter((entry) => entry !== "").join(" ");
}
