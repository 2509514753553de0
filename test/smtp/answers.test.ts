import { describe, expect, it } from "vitest";
import { INBOUND_OUTCOMES, REASONS } from "../../src/model/decision.ts";
import { REPLY, formatReply, replyTo, tooBig } from "../../src/smtp/answers.ts";
import { DEFERRALS, decided } from "./decisions.ts";

const MESSAGE = "msg_0123456789abcdef";

describe("what a sender is told", () => {
  it.each([
    ["delivered", `250 2.0.0 accepted as ${MESSAGE}`],
    ["held", `250 2.0.0 accepted as ${MESSAGE}`],
    ["quarantined", `250 2.0.0 accepted as ${MESSAGE}`],
    ["discarded", `250 2.0.0 accepted as ${MESSAGE}`],
    ["rejected_at_verification", `550 5.7.1 refused by the recipient's policy, reference ${MESSAGE}`],
    ["rejected_at_policy", `550 5.7.1 refused by the recipient's policy, reference ${MESSAGE}`],
    ["rejected_at_content_guard", `550 5.7.1 refused by the recipient's policy, reference ${MESSAGE}`],
    ["rate_limited", `550 5.7.1 refused by the recipient's policy, reference ${MESSAGE}`],
    ["budget_exhausted", `550 5.7.1 refused by the recipient's policy, reference ${MESSAGE}`],
    ["deferred", "451 4.7.1 message cannot be decided on now, try again later"],
  ] as const)("MB-02 %s is answered `%s`", (outcome, reply) => {
    expect(formatReply(replyTo(decided(outcome), MESSAGE))).toBe(reply);
  });

  it.each([
    ["dns_unavailable", "451 4.7.1"],
    ["on_limit", "451 4.7.1"],
    ["no_answer", "451 4.7.1"],
    ["busy", "451 4.3.2"],
    ["unavailable", "451 4.3.1"],
  ] as const)("no decision for %s is %s", (reason, code) => {
    expect(formatReply(replyTo({ kind: "deferred", reason }, MESSAGE))).toMatch(new RegExp(`^${code} `));
  });

  it("never names the outcome, the reason or the rule", () => {
    const told = [
      ...INBOUND_OUTCOMES.map((outcome) => replyTo(decided(outcome), MESSAGE).text),
      ...DEFERRALS.map((reason) => replyTo({ kind: "deferred", reason }, MESSAGE).text),
    ].join("\n");
    for (const word of [...INBOUND_OUTCOMES, ...REASONS, "prompt_injection", "guard", "rule", "dkim", "spf"])
      expect(told).not.toContain(word);
  });

  it("every reply is one short line whose enhanced code has the class of its code", () => {
    for (const reply of [...Object.values(REPLY), tooBig(1)]) {
      expect(formatReply(reply)).toMatch(/^([245])\d\d \1\.\d{1,3}\.\d{1,3} [ -~]{1,200}$/);
    }
  });
});
