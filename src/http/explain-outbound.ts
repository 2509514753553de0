import type { Decision, ScreenedAt } from "../model/decision.ts";
import type { Finding } from "../model/finding.ts";
import { RECIPIENTS_GUARD } from "../model/guards.ts";
import type { DraftRow } from "../store/contract-outbound.ts";

/** The fixed order of screening (DESIGN §4.3). */
export const OUTBOUND_STEPS = [
  "kill_switch",
  "author",
  "mode",
  "lists",
  "suppression",
  "caps",
  "outbound_guards",
  "first_contact",
  "oversight",
] as const satisfies readonly ScreenedAt[];
type OutboundStep = (typeof OUTBOUND_STEPS)[number];

type Facts = Readonly<Record<string, unknown>>;
/** What is explained, whatever it came to. */
type Judged = Pick<Decision, "judged_at" | "findings" | "reservations">;

/** One step of screening, as far as the record says what it looked at. */
export interface ScreenedStep {
  readonly step: OutboundStep;
  readonly result: "passed" | "decided" | "not_reached";
  readonly input: Facts;
  readonly rule: Facts | null;
  readonly findings: readonly Finding[];
  readonly cost: Judged["reservations"];
}

/** `rules`: section `outbound` of the policy that judged. `draft`: as it is now; null: a cap let none begin. */
export function screenedSteps(decision: Judged, draft: DraftRow | null, rules: Facts): readonly ScreenedStep[] {
  return OUTBOUND_STEPS.map((step) => ({
    step,
    result: resultOf(step, decision),
    input: draft === null ? {} : inputOf(step, draft),
    rule: ruleOf(step, rules),
    findings: decision.findings.filter((finding) => stepOf(finding, decision) === step),
    cost: step === "caps" ? decision.reservations : [],
  }));
}

/** What people and time decide comes after all of screening. */
function resultOf(step: OutboundStep, { judged_at }: Judged): ScreenedStep["result"] {
  const decided = OUTBOUND_STEPS.findIndex((known) => known === judged_at);
  const distance = OUTBOUND_STEPS.indexOf(step) - (decided === -1 ? OUTBOUND_STEPS.length : decided);
  if (distance === 0) return "decided";
  return distance > 0 ? "not_reached" : "passed";
}

/** Whom a draft is refused for belongs to the list that names them. */
function stepOf({ guard }: Finding, { judged_at }: Judged): OutboundStep {
  if (guard !== RECIPIENTS_GUARD) return "outbound_guards";
  return judged_at === "suppression" ? "suppression" : "lists";
}

function inputOf(step: OutboundStep, { author, mode, mailbox, thread, in_reply_to, revision }: DraftRow): Facts {
  switch (step) {
    case "kill_switch":
    case "caps":
      return { mailbox_id: mailbox };
    case "author":
      return { author };
    case "mode":
      return { mode };
    case "lists":
    case "suppression":
    case "first_contact":
      return { recipients: revision.recipients.map(({ kind, address }) => ({ kind, address })) };
    case "outbound_guards":
      return { revision: revision.number, content_hash: revision.content_hash };
    case "oversight":
      return { mode, thread_id: thread, in_reply_to };
    default:
      return step satisfies never;
  }
}

function ruleOf(step: OutboundStep, rules: Facts): Facts | null {
  const part = (...names: readonly string[]): Facts => Object.fromEntries(names.map((name) => [name, rules[name] ?? null]));
  switch (step) {
    case "kill_switch":
    case "author":
    case "suppression":
    case "outbound_guards":
      return null;
    case "mode":
      return part("maxMode");
    case "lists":
      return part("allow", "block");
    case "caps":
      return part("perHour", "perDay");
    case "first_contact":
      return part("firstContact");
    case "oversight":
      return part("maxMode", "approvals");
    default:
      return step satisfies never;
  }
}
