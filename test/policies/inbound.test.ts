import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { evaluateInbound, STRICTNESS } from "../../policies/inbound.ts";
import type { InboundVerdict } from "../../policies/inbound.ts";
import type { PolicyInput } from "../../policies/schema.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { AuthResult, Verification } from "../../src/model/message.ts";
import type { Limits } from "../../src/store/contract.ts";
import { EXAMPLE, LISTS, PROVEN, facts, factsOf, finding, policies } from "./samples.ts";

const BOSS = "boss@acme.example";
const ME = { capabilities: ["read"] };

function policyOf(more: Partial<PolicyInput>) {
  return definePolicy({ senders: [], defaultAction: "bounce", ...more }, { lists: LISTS });
}

function short({ outcome, reason, judged_at, rule_index }: InboundVerdict) {
  return [outcome, reason, judged_at, rule_index];
}

function content(rule_index: number): Finding {
  return { guard: "content", code: "content_match", severity: 2, where: "text", rule_index };
}

function verification(given: Partial<Verification>): Verification {
  return { ...PROVEN, spf: "none", dkim: "none", dmarc: "none", from_alignment: { spf: false, dkim: false }, ...given };
}

describe("no rule matches", () => {
  it.each([
    ["bounce", "rejected_at_policy"],
    ["drop", "discarded"],
    ["quarantine", "quarantined"],
    ["hold", "held"],
  ] as const)("MB-02 `%s` makes it %s, with nothing for the agent", (defaultAction, outcome) => {
    const verdict = evaluateInbound(policyOf({ defaultAction }), factsOf("who@else.example"), [content(0)]);
    expect(short(verdict)).toEqual([outcome, "no_matching_sender_rule", "sender_match", null]);
    expect(verdict).toMatchObject({ capabilities: [], limits: null });
  });
});

describe("the first rule that matches", () => {
  const policy = policyOf({
    senders: [
      { match: { domain: "acme.example" }, capabilities: ["wide"] },
      { match: { address: BOSS }, capabilities: ["narrow"] },
      { match: { domain: "firm.example", subdomains: true }, capabilities: ["firm"] },
      { match: { list: "vip" }, capabilities: ["vip"] },
      { match: { domain: "münchen.example" }, capabilities: ["idn"] },
      { match: { address: "Strange.Case@Else.Example" }, capabilities: ["case"] },
      { match: { address: "*" }, capabilities: [] },
    ],
  });

  it.each([
    [BOSS, [], 0],
    ["BOSS@ACME.EXAMPLE", [], 0],
    ["x@sub.acme.example", [], 6],
    ["x@firm.example", [], 2],
    ["x@deep.sub.firm.example", [], 2],
    ["x@notfirm.example", [], 6],
    ["x@nowhere.example", ["vip"], 3],
    [BOSS, ["vip"], 0],
    ["x@xn--mnchen-3ya.example", [], 4],
    ["x@MÜNCHEN.example", [], 4],
    ["strange.case@else.example", [], 5],
    ["x@example", [], 6],
    ["x@", [], 6],
    ["", [], 6],
  ] as const)("MB-03 %s on lists %j is rule %i", (address, lists, index) => {
    expect(evaluateInbound(policy, factsOf(address, { lists }), []).rule_index).toBe(index);
  });

  it("MB-03 wins even if it refuses and a later one would not", () => {
    const strict = policyOf({
      senders: [
        { match: { domain: "acme.example", requireDkim: true }, ...ME },
        { match: { address: "*", allowUnverified: true }, ...ME },
      ],
    });
    const verdict = evaluateInbound(strict, factsOf(BOSS, { verification: verification({}) }), []);
    expect(short(verdict)).toEqual(["rejected_at_verification", "dkim_required", "verification", 0]);
  });

  it("MB-03 an address of other letters that look or fold alike is another address", () => {
    const policy = policyOf({ senders: [{ match: { address: "kimo@acme.example" }, ...ME }] });
    expect(evaluateInbound(policy, factsOf("KimO@acme.example"), []).rule_index).toBe(0);
    expect(evaluateInbound(policy, factsOf("\u212aimo@acme.example"), []).rule_index).toBeNull();
  });

  it("MB-03 is what reading top to bottom finds", () => {
    const matches = (match: Record<string, unknown>, address: string, lists: readonly string[]): boolean => {
      const domain = address.slice(address.indexOf("@") + 1);
      if (match.list !== undefined) return lists.includes(String(match.list));
      if (match.address !== undefined) return match.address === "*" || match.address === address;
      return match.domain === "*" || match.domain === domain || (match.subdomains === true && domain.endsWith(`.${String(match.domain)}`));
    };
    fc.assert(
      fc.property(policies, facts, (policy, known) => {
        if (known.identity.kind !== "sender") return;
        const { address } = known.identity;
        const index = policy.senders.findIndex(({ match }) => matches(match, address, known.lists));
        expect(evaluateInbound(policy, known, []).rule_index).toBe(index < 0 ? null : index);
      }),
      { numRuns: 150 },
    );
  });
});

describe("verification", () => {
  const rule = (match: object) => policyOf({ senders: [{ match: { address: BOSS, ...match }, ...ME }] });
  const outcome = (match: object, given: Partial<Verification>, verified = true) => {
    const verdict = evaluateInbound(rule(match), factsOf(BOSS, { verification: verification(given) }, verified), []);
    return verdict.outcome === "delivered" ? "delivered" : verdict.reason;
  };

  it.each<[object, Partial<Verification>, string]>([
    [{ requireDkim: true }, { dkim: "pass", from_alignment: { spf: false, dkim: true } }, "delivered"],
    [{ requireDkim: true }, { dkim: "pass", from_alignment: { spf: true, dkim: false } }, "dkim_required"],
    [{ requireDkim: true }, { dkim: "fail", from_alignment: { spf: true, dkim: true } }, "dkim_required"],
    [{ requireDkim: true }, { spf: "pass", dmarc: "pass", from_alignment: { spf: true, dkim: false } }, "dkim_required"],
    [{ requireSpf: true }, { spf: "pass", from_alignment: { spf: true, dkim: false } }, "delivered"],
    [{ requireSpf: true }, { spf: "pass", from_alignment: { spf: false, dkim: true } }, "spf_required"],
    [{ requireSpf: true, requireDkim: true }, { dkim: "pass", from_alignment: { spf: false, dkim: true } }, "spf_required"],
    [{ requireSpf: true, requireDkim: true }, { spf: "pass", from_alignment: { spf: true, dkim: false } }, "dkim_required"],
    [{ requireSpf: true, requireDkim: true }, { spf: "pass", dkim: "pass", from_alignment: { spf: true, dkim: true } }, "delivered"],
    [{ requireDmarc: true }, { dmarc: "pass" }, "delivered"],
    [{ requireDmarc: true }, { spf: "pass", dkim: "pass", from_alignment: { spf: true, dkim: true } }, "dmarc_required"],
  ])("MB-04 %j with %j: %s", (match, given, expected) => {
    expect(outcome(match, given)).toBe(expected);
  });

  it.each<AuthResult>(["fail", "softfail", "neutral", "none", "temperror", "permerror", "policy"])("MB-04 `%s` is not a pass", (result) => {
    const aligned = { from_alignment: { spf: true, dkim: true } };
    expect(outcome({ requireDkim: true }, { dkim: result, ...aligned })).toBe("dkim_required");
    expect(outcome({ requireSpf: true }, { spf: result, ...aligned })).toBe("spf_required");
    expect(outcome({ requireDmarc: true }, { dmarc: result, ...aligned })).toBe("dmarc_required");
  });

  it("MB-04 a rule that asks for nothing still needs a verified sender, unless it says otherwise", () => {
    expect(outcome({}, {}, false)).toBe("sender_unverified");
    expect(outcome({}, {}, true)).toBe("delivered");
    expect(outcome({ allowUnverified: true }, {}, false)).toBe("delivered");
  });

  it("identity_ambiguous: several senders are nobody, even for a rule that takes anyone", () => {
    const open = policyOf({ senders: [{ match: { address: "*", allowUnverified: true }, ...ME }], defaultAction: "drop" });
    const verdict = evaluateInbound(open, factsOf(BOSS, { identity: { kind: "ambiguous", why: "two From" } }), []);
    expect(short(verdict)).toEqual(["rejected_at_verification", "identity_ambiguous", "verification", null]);
  });
});

describe("content guards", () => {
  const policy = policyOf({
    senders: [{ match: { address: BOSS }, capabilities: ["read"], rateLimit: { perHour: 1 } }],
    contentGuards: [
      { reject: "a", reason: "held_one", action: "hold" },
      { reject: "b", reason: "quarantined_one", action: "quarantine" },
      { reject: "c", reason: "refused_one" },
      { reject: "d", reason: "refused_two" },
    ],
    guards: { hidden_text: { action: "quarantine" }, headers: { action: "reject", above: 2 } },
  });
  const judge = (...findings: Finding[]) => evaluateInbound(policy, factsOf(BOSS), findings);
  const other = (guard: string, severity: Finding["severity"], score?: number): Finding => ({
    guard,
    code: "x",
    severity,
    where: "text",
    ...(score === undefined ? {} : { score }),
  });

  it.each([
    [[0], "held", "held_one"],
    [[1], "quarantined", "quarantined_one"],
    [[2], "rejected_at_content_guard", "refused_one"],
    [[0, 1], "quarantined", "quarantined_one"],
    [[3, 0, 2, 1], "rejected_at_content_guard", "refused_one"],
  ])("MB-09 of matches %j the strictest counts, of equals the first: %s, %s", (indices, outcome, reason) => {
    expect(short(judge(...indices.map(content)))).toEqual([outcome, reason, "content_guards", 0]);
  });

  it("held and quarantined keep what a release would grant, refused keeps nothing", () => {
    expect(judge(content(0))).toMatchObject({ capabilities: ["read"], limits: null });
    expect(judge(content(1))).toMatchObject({ capabilities: ["read"], limits: null });
    expect(judge(content(2))).toMatchObject({ capabilities: [], limits: null });
  });

  it("DESIGN §9.4 a finding of a pattern that the policy does not have holds", () => {
    expect(short(judge(content(9)))).toEqual(["held", "guard_error", "content_guards", 0]);
    expect(short(judge(content(-1)))).toEqual(["held", "guard_error", "content_guards", 0]);
    expect(short(judge({ guard: "content", code: "x", severity: 0, where: "text" }))).toEqual(["held", "guard_error", "content_guards", 0]);
  });

  it("a guard counts strictly above its threshold, by score where it has one", () => {
    expect(judge(other("hidden_text", 1)).outcome).toBe("delivered");
    expect(short(judge(other("hidden_text", 2)))).toEqual(["quarantined", "hidden_text", "content_guards", 0]);
    expect(judge(other("headers", 2)).outcome).toBe("delivered");
    expect(judge(other("headers", 3)).outcome).toBe("rejected_at_content_guard");
    expect(judge(other("hidden_text", 3, 0.5)).outcome).toBe("delivered");
    expect(judge(other("hidden_text", 0, Number.NaN)).outcome).toBe("quarantined");
  });

  it("a guard that the policy does not name, or that is in shadow, only records", () => {
    const shadow = policyOf({
      senders: [{ match: { address: BOSS }, ...ME }],
      guards: { hidden_text: { action: "reject", mode: "shadow" }, headers: { action: "record" } },
    });
    const findings = [other("hidden_text", 3), other("headers", 3), other("later_guard", 3)];
    expect(evaluateInbound(shadow, factsOf(BOSS), findings).outcome).toBe("delivered");
  });
});

describe("the order", () => {
  const policy = policyOf({
    senders: [{ match: { address: BOSS, requireDkim: true }, capabilities: ["read"], rateLimit: { perHour: 1 } }],
    contentGuards: [{ reject: "x", reason: "bad_words" }],
  });
  const unproven = verification({});

  it("MB-12 a message failing several stages records the earliest", () => {
    const everything = { verification: unproven, loop: "ping_pong" } as const;
    expect(short(evaluateInbound(policy, factsOf("who@else.example", everything), [content(0)]))).toEqual([
      "rejected_at_policy",
      "no_matching_sender_rule",
      "sender_match",
      null,
    ]);
    expect(short(evaluateInbound(policy, factsOf(BOSS, everything), [content(0)]))).toEqual([
      "rejected_at_verification",
      "dkim_required",
      "verification",
      0,
    ]);
    expect(short(evaluateInbound(policy, factsOf(BOSS, { loop: "ping_pong" }), [content(0)]))).toEqual(["discarded", "loop", "loop", 0]);
    expect(short(evaluateInbound(policy, factsOf(BOSS), [content(0)]))).toEqual([
      "rejected_at_content_guard",
      "bad_words",
      "content_guards",
      0,
    ]);
    expect(short(evaluateInbound(policy, factsOf(BOSS), []))).toEqual(["delivered", "sender_rule", "admitted", 0]);
  });

  it("MB-12 only what is admitted asks for limits", () => {
    expect(evaluateInbound(policy, factsOf(BOSS), []).limits).toEqual({ perHour: 1, onLimit: "refuse" });
    expect(evaluateInbound(policy, factsOf(BOSS), [content(0)]).limits).toBeNull();
    expect(evaluateInbound(policy, factsOf(BOSS, { loop: "ping_pong" }), []).limits).toBeNull();
  });

  it("the limits are the rule's, in the shape the store takes", () => {
    const example = definePolicy(EXAMPLE);
    const { limits, audit, capabilities } = evaluateInbound(example, factsOf(BOSS), []);
    const asStored: Limits | null = limits;
    expect(asStored).toEqual({ perHour: 20, perDay: 100, tokensPerThread: 20_000, onLimit: "refuse" });
    expect(audit).toEqual({ retentionDays: 90, includeBodyHash: true });
    expect(capabilities).toEqual(["read_calendar", "propose_meeting", "confirm_meeting"]);
    const defers = policyOf({ senders: [{ match: { address: "*" }, ...ME, tokenBudget: { perDay: 9 }, onLimit: "defer" }] });
    expect(evaluateInbound(defers, factsOf(BOSS), []).limits).toEqual({ tokensPerDay: 9, onLimit: "defer" });
  });
});

describe("properties", () => {
  const strict = (verdict: InboundVerdict) => STRICTNESS.findIndex((outcome) => outcome === verdict.outcome);

  it("DESIGN §9.4 adding a finding never loosens a decision", () => {
    fc.assert(
      fc.property(policies, facts, fc.array(finding, { maxLength: 5 }), finding, fc.nat(5), (policy, known, findings, added, at) => {
        const before = evaluateInbound(policy, known, findings);
        const after = evaluateInbound(policy, known, findings.toSpliced(at, 0, added));
        if (before.judged_at === "content_guards" || before.judged_at === "admitted")
          expect(strict(after)).toBeGreaterThanOrEqual(strict(before));
        else expect(after).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  it("the order of findings decides nothing", () => {
    fc.assert(
      fc.property(policies, facts, fc.array(finding, { maxLength: 5 }), (policy, known, findings) => {
        expect(evaluateInbound(policy, known, findings.toReversed())).toEqual(evaluateInbound(policy, known, findings));
      }),
      { numRuns: 150 },
    );
  });

  it("only a matched rule lets anything reach the agent, and with no more than its capabilities", () => {
    fc.assert(
      fc.property(policies, facts, fc.array(finding, { maxLength: 3 }), (policy, known, findings) => {
        const { outcome, rule_index, capabilities, limits } = evaluateInbound(policy, known, findings);
        const rule = rule_index === null ? undefined : policy.senders[rule_index];
        if (outcome === "delivered") expect(rule).toBeDefined();
        if (outcome === "delivered" && rule?.match.allowUnverified !== true) {
          const { spf, dkim, dmarc, from_alignment } = known.verification;
          const proven =
            (known.identity.kind === "sender" && known.identity.verified) ||
            dmarc === "pass" ||
            (spf === "pass" && from_alignment.spf) ||
            (dkim === "pass" && from_alignment.dkim);
          expect(proven).toBe(true);
        }
        expect([[], rule?.capabilities ?? []]).toContainEqual(capabilities);
        expect(limits === null).toBe(outcome !== "delivered");
      }),
      { numRuns: 300 },
    );
  });
});

it("DESIGN §10 1,000 sender rules cost under 50 µs a message", () => {
  const senders = Array.from({ length: 1_000 }, (_, index) => ({
    match:
      index % 2 === 0 ? { address: `a${index}@d${index}.example`, requireDkim: true } : { domain: `d${index}.example`, subdomains: true },
    capabilities: ["read"],
  }));
  const policy = policyOf({ senders });
  const known = ["a998@d998.example", "x@deep.sub.d999.example", "who@nowhere.example"].map((address) => factsOf(address));
  const round = () => {
    const started = performance.now();
    for (let index = 0; index < 3_000; index++) evaluateInbound(policy, known[index % 3]!, []);
    return ((performance.now() - started) / 3_000) * 1_000;
  };
  expect(Math.min(round(), round(), round())).toBeLessThan(50);
});
