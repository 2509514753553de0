import { z } from "@hono/zod-openapi";
import type { Decision, JudgedAt } from "../model/decision.ts";
import { idBody, type TenantId } from "../model/ids.ts";
import type { AuditRow, DecisionRow, MessageRow, PolicyRow, ReceiptRow } from "../store/contract.ts";
import type { HoldRow } from "../store/contract-outbound.ts";
import { AttemptJson, attemptsOf } from "./attempt-json.ts";
import { DECISION_EXAMPLE, decisionJson, DecisionJson, findingJson, FindingJson, ReservationJson } from "./decision-json.ts";
import { deliveryJson, MailDelivery } from "./deliveries.ts";
import type { HttpDeps } from "./deps.ts";
import { OUTBOUND_STEPS, screenedSteps, type ScreenedStep } from "./explain-outbound.ts";
import { timeOf } from "./paging.ts";
import { pendingStatus, PendingStatus } from "./pending-json.ts";

/** The fixed order of judgement (MB-12). */
const STEPS = [
  "sender_match",
  "verification",
  "loop",
  "content_guards",
  "rate_limit",
  "token_budget",
] as const satisfies readonly JudgedAt[];
type Step = (typeof STEPS)[number];

const Facts = z.record(z.string(), z.unknown());

const StepJson = z
  .object({
    step: z.enum([...STEPS, ...OUTBOUND_STEPS]).openapi({ description: "Of inbound mail, or of screening what leaves." }),
    result: z.enum(["passed", "decided", "not_reached"]).openapi({ description: "`decided`: this step settled the outcome." }),
    input: Facts.openapi({ description: "What the step looked at." }),
    rule: Facts.nullable().openapi({ description: "The part of the policy that applied; null where there is none." }),
    findings: z.array(FindingJson),
    cost: z.array(ReservationJson).openapi({ description: "What the message was charged in this step." }),
  })
  .openapi("ExplainedStep");

const Receipt = z
  .object({ at: z.string(), peer: z.string(), helo: z.string(), sender: z.string(), recipient: z.string(), reply: z.string() })
  .openapi("Receipt");

const AuditEntry = z
  .object({ id: z.string(), at: z.string(), leaf: z.string(), leaf_hash: z.string(), details: Facts.nullable() })
  .openapi("AuditEntry");

const Waited = z
  .object({
    status: PendingStatus,
    reason: z.string(),
    quorum: z.int(),
    approved_by: z.array(z.string()),
    created_at: z.string(),
    decided_at: z.string().nullable(),
  })
  .openapi("ExplainedHold");

const EXAMPLE = {
  decision: DECISION_EXAMPLE,
  steps: [
    {
      step: "sender_match" as const,
      result: "decided" as const,
      input: {
        identity: { kind: "sender", address: "stranger@elsewhere.example", domain: "elsewhere.example", verified: true },
        envelope_sender: "",
        source: "smtp",
      },
      rule: null,
      findings: [],
      cost: [],
    },
  ],
  policy: { ...DECISION_EXAMPLE.policy, default_action: "bounce" },
  receipts: [
    {
      at: "2026-11-21T10:00:00.000Z",
      peer: "192.0.2.1",
      helo: "mx.elsewhere.example",
      sender: "",
      recipient: "assistant@acme.example",
      reply: "550 5.7.1 not accepted",
    },
  ],
  deliveries: [],
  hold: null,
  attempts: [],
  audit: [],
};

/** One decision with everything it rests on. */
export const Explanation = z
  .object({
    decision: DecisionJson,
    steps: z.array(StepJson),
    policy: z.object({ id: z.string(), version: z.int(), digest: z.string(), default_action: z.string().nullable() }),
    receipts: z.array(Receipt).openapi({ description: "What peers were told about the message." }),
    deliveries: z.array(MailDelivery).openapi({ description: "How it went on to the agent beside pull." }),
    hold: Waited.nullable().openapi({ description: "How it waited for people; null: it did not." }),
    attempts: z.array(AttemptJson).openapi({ description: "Who did what about it, whether it counted or not." }),
    audit: z.array(AuditEntry),
  })
  .openapi("Explanation", { example: EXAMPLE });

/** one call, every step. */
export async function explanation(deps: HttpDeps, tenant: TenantId, row: DecisionRow): Promise<z.infer<typeof Explanation>> {
  const { store } = deps;
  const { decision } = row;
  const subject = decision.direction === "outbound" ? (`drf_${idBody(decision.message)}` as const) : decision.message;
  const [policy, receipts, deliveries, audit, hold, attempts] = await Promise.all([
    store.run("policies.get", { tenant, id: decision.policy.id }),
    store.run("receipts.list", { tenant, message: decision.message }),
    store.run("dispatches.of_message", { tenant, message: decision.message }),
    store.run("audit.of_message", { tenant, message: decision.message }),
    store.run("holds.get", { tenant, id: subject }),
    attemptsOf(deps, tenant, subject),
  ]);
  const document = readDocument(policy);
  const { id, version, digest } = decision.policy;
  return {
    decision: decisionJson(row),
    steps: await stepsOf(deps, tenant, decision, document),
    policy: { id, version, digest, default_action: document.defaultAction ?? null },
    receipts: receipts.map(receiptJson),
    deliveries: deliveries.map(deliveryJson),
    hold: hold === null ? null : waitedJson(hold),
    attempts,
    audit: audit.map(auditJson),
  };
}

async function stepsOf(
  { store }: HttpDeps,
  tenant: TenantId,
  decision: DecisionRow["decision"],
  document: PolicyParts,
): Promise<z.infer<typeof StepJson>[]> {
  const { message: id } = decision;
  if (decision.direction === "outbound") {
    const draft = await store.run("drafts.get", { tenant, id: `drf_${idBody(id)}` });
    return screenedSteps(decision, draft, document.outbound ?? {}).map(screenedJson);
  }
  const message = await store.run("messages.get", { tenant, id, view: "all" });
  return STEPS.map((step) => explainStep(step, decision, message, document));
}

function screenedJson({ findings, cost, ...step }: ScreenedStep): z.infer<typeof StepJson> {
  return { ...step, findings: findings.map(findingJson), cost: cost.map((reservation) => ({ ...reservation })) };
}

/** What a step is explained by; of inbound and outbound decisions alike. */
type Judged = Pick<Decision, "judged_at" | "rule_index" | "findings" | "verification" | "reservations">;

/** What is read of a policy that was checked when it was stored. */
interface PolicyParts {
  readonly defaultAction?: string;
  readonly senders?: readonly Readonly<Record<string, unknown>>[];
  readonly contentGuards?: readonly unknown[];
  readonly guards?: unknown;
  readonly outbound?: Readonly<Record<string, unknown>>;
}

function readDocument(policy: PolicyRow | null): PolicyParts {
  return policy === null ? {} : (JSON.parse(policy.document) as PolicyParts);
}

function explainStep(step: Step, decision: Judged, message: MessageRow | null, document: PolicyParts): z.infer<typeof StepJson> {
  return {
    step,
    result: resultOf(step, decision),
    input: inputOf(step, decision, message),
    rule: ruleOf(step, decision.rule_index, document),
    findings: step === "content_guards" ? decision.findings.map(findingJson) : [],
    cost: costOf(step, decision),
  };
}

function resultOf(step: Step, { judged_at, rule_index }: Judged): z.infer<typeof StepJson>["result"] {
  const distance = STEPS.indexOf(step) - reachOf(judged_at);
  if (distance === 0) return "decided";
  // An ambiguous sender and an echo are settled without looking for a rule.
  const unmatched = step === "sender_match" && rule_index === null;
  return distance > 0 || unmatched ? "not_reached" : "passed";
}

/** Index of the deciding step; an admitted or released message has passed them all. */
function reachOf(judgedAt: JudgedAt): number {
  const index = STEPS.findIndex((step) => step === judgedAt);
  return index === -1 ? STEPS.length : index;
}

function inputOf(step: Step, decision: Judged, message: MessageRow | null): z.infer<typeof Facts> {
  const facts = message?.facts ?? null;
  switch (step) {
    case "sender_match":
      return { identity: facts?.identity ?? null, envelope_sender: message?.envelope_sender ?? null, source: message?.source ?? null };
    case "verification":
      return { verification: decision.verification };
    case "loop":
      return { loop: facts?.loop ?? null, automatic: facts?.automatic ?? null };
    case "content_guards":
      return { size: message?.size ?? null };
    case "rate_limit":
      return { sender: message?.from ?? null };
    case "token_budget":
      return {
        thread_id: message?.thread ?? null,
        tokens_estimated: facts?.tokens ?? null,
        tokens_consumed: message?.tokens_consumed ?? null,
      };
    default:
      return step satisfies never;
  }
}

function ruleOf(step: Step, index: number | null, document: PolicyParts): z.infer<typeof Facts> | null {
  const rule = index === null ? undefined : document.senders?.[index];
  switch (step) {
    case "sender_match":
    case "verification":
      return rule === undefined ? null : { index, match: rule["match"] ?? null };
    case "loop":
      return null;
    case "content_guards":
      return { content_guards: document.contentGuards ?? [], guards: document.guards ?? null };
    case "rate_limit":
      return rule === undefined ? null : { index, rate_limit: rule["rateLimit"] ?? null, on_limit: rule["onLimit"] ?? null };
    case "token_budget":
      return rule === undefined ? null : { index, token_budget: rule["tokenBudget"] ?? null, on_limit: rule["onLimit"] ?? null };
    default:
      return step satisfies never;
  }
}

function costOf(step: Step, { reservations }: Judged): z.infer<typeof ReservationJson>[] {
  const ledger = step === "rate_limit" ? "rate" : step === "token_budget" ? "tokens" : null;
  return reservations.filter((reservation) => reservation.ledger === ledger).map((reservation) => ({ ...reservation }));
}

function receiptJson({ at, peer, helo, sender, recipient, reply }: ReceiptRow): z.infer<typeof Receipt> {
  return { at: timeOf(at), peer, helo, sender, recipient, reply };
}

function waitedJson({ status, direction, reason, quorum, approved_by, created_at, decided_at }: HoldRow): z.infer<typeof Waited> {
  return {
    status: pendingStatus(status, direction),
    reason,
    quorum,
    approved_by: [...approved_by],
    created_at: timeOf(created_at),
    decided_at: decided_at === null ? null : timeOf(decided_at),
  };
}

function auditJson({ id, at, leaf, leaf_hash, details }: AuditRow): z.infer<typeof AuditEntry> {
  return { id, at: timeOf(at), leaf, leaf_hash, details: details === null ? null : { ...details } };
}
