import { definePolicy } from "../../policies/define.ts";
import { SENDER } from "./mail.ts";

/** A team's policy without limits: one sender rule that asks for DKIM, ten patterns that honest mail does not hold. */
export const BENCH_POLICY = definePolicy({
  defaultAction: "bounce",
  senders: [{ match: { domain: SENDER.domain, requireDkim: true }, capabilities: ["read_calendar", "propose_meeting"] }],
  contentGuards: [
    { reject: /ignore (previous|all) instructions/i, reason: "prompt_injection_suspected" },
    { reject: /disregard (the|all|any) (above|previous|prior)/i, reason: "prompt_injection_suspected" },
    { reject: /\bsystem prompt\b/i, reason: "prompt_injection_suspected" },
    { reject: /you are now (an?|the) (assistant|agent|model)/i, reason: "prompt_injection_suspected" },
    { reject: /reveal (your|the) (instructions|prompt|key)/i, reason: "prompt_injection_suspected" },
    { reject: /do not (tell|inform|alert) the user/i, reason: "prompt_injection_suspected" },
    { reject: /<\|(im_start|im_end|system)\|>/i, reason: "prompt_injection_suspected" },
    { reject: /wire transfer.{0,40}(today|urgent)/i, reason: "payment_fraud_suspected" },
    { reject: /new (bank|account) details attached/i, reason: "payment_fraud_suspected" },
    { reject: /gift ?cards?.{0,40}scratch/i, reason: "payment_fraud_suspected" },
  ],
  auditLog: { retentionDays: 90, includeBodyHash: true },
});
