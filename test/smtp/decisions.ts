import type { Answer } from "../../src/gate.ts";
import { INBOUND_OUTCOMES, type Decision, type InboundOutcome } from "../../src/model/decision.ts";
import fc from "fast-check";
import type { MessageId } from "../../src/model/ids.ts";

/** A recorded decision with nothing of interest but its outcome. */
export function decided(outcome: InboundOutcome, message: MessageId = "msg_0000000000000000"): Answer {
  const decision: Decision = {
    id: "dec_0000000000000000",
    message,
    run: "run",
    direction: "inbound",
    stage: "inbound",
    outcome,
    reason: "prompt_injection_suspected",
    judged_at: "content_guards",
    rule_index: 3,
    policy: { id: "pol_0000000000000000", version: 1, digest: "0".repeat(64) },
    findings: [],
    verification: null,
    capabilities: [],
    reservations: [],
    supersedes: null,
    at: "2026-11-21T00:00:00.000Z",
    actor: "postern",
  };
  return { kind: "decided", decision };
}

export const DEFERRALS = ["dns_unavailable", "on_limit", "no_answer", "busy", "unavailable"] as const;

export const anyAnswer: fc.Arbitrary<Answer> = fc.oneof(
  fc.constantFrom(...INBOUND_OUTCOMES).map((outcome) => decided(outcome)),
  fc.constantFrom(...DEFERRALS).map((reason) => ({ kind: "deferred", reason }) as const),
);
