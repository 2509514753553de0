import { z } from "@hono/zod-openapi";
import { INBOUND_OUTCOMES } from "../model/decision.ts";
import { OUTBOUND_OUTCOMES } from "../model/outbound.ts";
import type { Finding } from "../model/finding.ts";
import type { DecisionRow } from "../store/contract.ts";
import { Verification } from "./message-json.ts";
import { present } from "./paging.ts";

/** Of both directions; `rate_limited` is in both. */
export const OutcomeJson = z.enum([...INBOUND_OUTCOMES, ...OUTBOUND_OUTCOMES.filter((outcome) => outcome !== "rate_limited")]);

export const FindingJson = z
  .object({
    guard: z.string(),
    code: z.string(),
    severity: z.int().min(0).max(3),
    score: z.number().optional(),
    where: z.string(),
    span: z.object({ offset: z.int(), length: z.int(), sha256: z.string() }).optional(),
    rule_index: z.int().optional(),
    recipient: z.int().optional().openapi({ description: "Of outbound mail: place among the recipients." }),
  })
  .openapi("Finding");

export const ReservationJson = z
  .object({ ledger: z.enum(["rate", "tokens", "sends"]), scope: z.enum(["sender", "thread", "mailbox"]), amount: z.number() })
  .openapi("Reservation");

export const DECISION_EXAMPLE = {
  id: "dec_3m5p7r9t1v3x5z7b9d1f3h5k",
  message_id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  thread_id: "thr_1h3k5m7p9r1t3w5y7z9b1d3f",
  run_id: "0197a2c4-5b1e-7c3d-9f00-2a4b6c8d0e1f",
  direction: "inbound" as const,
  stage: "inbound" as const,
  final: true,
  outcome: "rejected_at_policy" as const,
  reason: "no_matching_sender_rule",
  judged_at: "sender_match",
  rule_index: null,
  policy: { id: "pol_8s0v2x4z6b8d0f2h4k6m8p0r", version: 3, digest: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" },
  findings: [],
  verification: null,
  capabilities: [],
  reservations: [],
  body_sha256: null,
  supersedes: null,
  at: "2026-11-21T10:00:00.000Z",
  actor: "postern",
};

export const DecisionJson = z
  .object({
    id: z.string(),
    message_id: z.string(),
    mailbox_id: z.string(),
    thread_id: z.string().nullable(),
    run_id: z.string().openapi({ description: "Temporal run that judged." }),
    direction: z.enum(["inbound", "outbound"]),
    stage: z.enum(["inbound", "release", "submit", "send"]),
    final: z.boolean(),
    outcome: OutcomeJson,
    reason: z.string(),
    judged_at: z.string().openapi({ description: "Step of the order of judgement that settled it." }),
    rule_index: z.int().nullable(),
    policy: z.object({ id: z.string(), version: z.int(), digest: z.string() }),
    findings: z.array(FindingJson),
    verification: Verification.nullable(),
    capabilities: z.array(z.string()),
    reservations: z.array(ReservationJson),
    body_sha256: z.string().nullable(),
    supersedes: z.string().nullable(),
    at: z.string(),
    actor: z.string(),
  })
  .openapi("Decision", { example: DECISION_EXAMPLE });

/** For people only: an agent must not learn by which rule it is screened. */
export function decisionJson({ decision, mailbox, thread, body_sha256, final }: DecisionRow): z.infer<typeof DecisionJson> {
  const { message, run, findings, policy, capabilities, reservations, ...rest } = decision;
  return {
    ...rest,
    message_id: message,
    mailbox_id: mailbox,
    thread_id: thread,
    run_id: run,
    final,
    policy: { id: policy.id, version: policy.version, digest: policy.digest },
    findings: findings.map(findingJson),
    capabilities: [...capabilities],
    reservations: reservations.map((reservation) => ({ ...reservation })),
    body_sha256,
  };
}

export function findingJson(finding: Finding): z.infer<typeof FindingJson> {
  const { guard, code, severity, where, score, span, rule_index, recipient } = finding;
  return { guard, code, severity, where, ...present({ score, span, rule_index, recipient }) };
}
