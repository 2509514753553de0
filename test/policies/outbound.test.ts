import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_POLICY, definePolicy } from "../../policies/define.ts";
import { evaluateOutbound, OUTBOUND_STRICTNESS, type OutboundFacts, type OutboundVerdict } from "../../policies/outbound.ts";
import type { Finding } from "../../src/model/finding.ts";
import { isUpward, MODES, strictest } from "../../src/model/outbound.ts";
import { ANNA, anyOutboundFacts, outboundFacts, outboundFinding, outboundInputs, SECRET, type OutboundInputs } from "./outbound-samples.ts";

function policyOf(outbound: OutboundInputs) {
  return definePolicy({ senders: [], defaultAction: "bounce", outbound });
}

function judge(outbound: OutboundInputs, given: Partial<OutboundFacts> = {}, findings: readonly Finding[] | null = []): OutboundVerdict {
  return evaluateOutbound(policyOf(outbound), outboundFacts(given), findings);
}

function short({ outcome, reason, judged_at }: OutboundVerdict) {
  return [outcome, reason, judged_at];
}

const DAY = 86_400_000;

describe("every reason", () => {
  const everything = {
    stopped: "tenant",
    author_revoked: true,
    mode: "read_only",
    suppressed: [ANNA],
    sends: { lastHour: 50, lastDay: 500 },
    new_domains: ["acme.example"],
    tainted: true,
    automatic_source: true,
  } as const satisfies Partial<OutboundFacts>;
  const lists = { block: [ANNA], allow: [], firstContact: "approve" } as const satisfies OutboundInputs;

  // Each row keeps what stands against the draft below its own step: the first step that settles it counts.
  it.each<[string, OutboundInputs, Partial<OutboundFacts>, readonly Finding[] | null, readonly string[]]>([
    ["X-27 a stopped mailbox", lists, { ...everything, stopped: "mailbox" }, [SECRET], ["blocked", "stopped_mailbox", "kill_switch"]],
    ["X-27 a stopped agent", lists, { ...everything, stopped: "agent" }, [SECRET], ["blocked", "stopped_agent", "kill_switch"]],
    ["X-27 a stopped tenant", lists, everything, [SECRET], ["blocked", "stopped_tenant", "kill_switch"]],
    ["NY-01 a revoked key", lists, { ...everything, stopped: null }, [SECRET], ["blocked", "author_key_revoked", "author"]],
    [
      "MM-02 a mailbox that only reads",
      lists,
      { ...everything, stopped: null, author_revoked: false },
      [SECRET],
      ["blocked", "mode_read_only", "mode"],
    ],
    [
      "MM-28 a policy that lets it only read",
      { ...lists, maxMode: "read_only" },
      { ...everything, stopped: null, author_revoked: false, mode: "autonomous" },
      [SECRET],
      ["blocked", "mode_read_only", "mode"],
    ],
    [
      "NY-08 a blocked recipient",
      lists,
      { ...everything, stopped: null, author_revoked: false, mode: "autonomous" },
      [SECRET],
      ["blocked", "block_list", "lists"],
    ],
    [
      "NY-20 a recipient nobody allowed",
      { ...lists, block: [] },
      { ...everything, stopped: null, author_revoked: false, mode: "autonomous" },
      [SECRET],
      ["blocked", "allow_list", "lists"],
    ],
    [
      "PB-20 a suppressed recipient, before any quota",
      { firstContact: "approve" },
      { ...everything, stopped: null, author_revoked: false, mode: "autonomous" },
      [SECRET],
      ["blocked", "suppressed", "suppression"],
    ],
    [
      "NY-13 the fifty-first message of an hour",
      { firstContact: "approve" },
      { ...everything, stopped: null, author_revoked: false, mode: "autonomous", suppressed: [] },
      [SECRET],
      ["rate_limited", "send_limit_per_hour", "caps"],
    ],
    [
      "PB-06 the five-hundred-first message of a day",
      { firstContact: "approve" },
      { new_domains: ["acme.example"], sends: { lastHour: 49, lastDay: 500 } },
      [SECRET],
      ["rate_limited", "send_limit_per_day", "caps"],
    ],
    [
      "X-11 a secret",
      { firstContact: "approve" },
      { new_domains: ["acme.example"], mode: "gated_all" },
      [SECRET],
      ["pending_send_approval", "secret_found", "outbound_guards"],
    ],
    ["DESIGN §9.4 a guard that failed", {}, {}, null, ["pending_send_approval", "guard_error", "outbound_guards"]],
    [
      "DESIGN §9.4 a finding of a guard nobody knows",
      {},
      {},
      [{ ...SECRET, guard: "toString", severity: 0 }],
      ["pending_send_approval", "guard_error", "outbound_guards"],
    ],
    [
      "NY-21 a domain never written to, also in `autonomous`",
      { firstContact: "approve" },
      { new_domains: ["acme.example"], automatic_source: true, tainted: true },
      [],
      ["pending_send_approval", "first_contact", "first_contact"],
    ],
    [
      "X-10 an answer to automatic mail, whatever the mode",
      {},
      { automatic_source: true, tainted: true },
      [],
      ["pending_send_approval", "automatic_source", "oversight"],
    ],
    ["X-31 a tainted thread", {}, { tainted: true }, [], ["pending_send_approval", "tainted_thread", "oversight"]],
    ["MM-03 `gated_all`", {}, { mode: "gated_all" }, [], ["pending_send_approval", "mode_gated_all", "oversight"]],
    ["MM-04 `gated_send`", {}, { mode: "gated_send", tainted: true }, [], ["pending_send_approval", "mode_gated_send", "oversight"]],
    ["MM-05 `monitored`", {}, { mode: "monitored" }, [], ["queued", "mode_monitored", "admitted"]],
    [
      "MM-05 `monitored` by nobody",
      {},
      { mode: "monitored", no_overseer: true },
      [],
      ["pending_send_approval", "mode_gated_send", "oversight"],
    ],
    ["MM-06 `autonomous`", {}, {}, [], ["queued", "mode_autonomous", "admitted"]],
  ])("%s", (_, outbound, given, findings, expected) => {
    expect(short(judge(outbound, given, findings))).toEqual(expected);
  });
});

describe("recipients", () => {
  const refused = (outbound: OutboundInputs, recipients: readonly string[]) => judge(outbound, { recipients }).refused;

  it.each<[string, string, boolean]>([
    [ANNA, ANNA, true],
    [ANNA, "Anna@ACME.Example", true],
    [ANNA, "bob@acme.example", false],
    [ANNA, "anna@sub.acme.example", false],
    ["acme.example", ANNA, true],
    ["acme.example", "anna@sub.acme.example", false],
    ["acme.example", "anna@notacme.example", false],
    ["*.acme.example", ANNA, true],
    ["*.acme.example", "anna@deep.sub.acme.example", true],
    ["*.acme.example", "anna@notacme.example", false],
    ["*.example", ANNA, true],
    ["MÜNCHEN.example", "x@xn--mnchen-3ya.example", true],
    ["*.xn--mnchen-3ya.example", "x@sub.münchen.example", true],
    ["kimo@acme.example", "\u212aimo@acme.example", false],
    ["*", "anyone@anywhere.test", true],
    ["*", "not an address", true],
    ["acme.example", "not an address", false],
  ])("NY-08 the entry %s and the recipient %s: %s", (entry, recipient, named) => {
    expect(refused({ block: [entry] }, [recipient])).toEqual(named ? [0] : []);
    expect(refused({ allow: [entry] }, [recipient])).toEqual(named ? [] : [0]);
  });

  it("NY-09 one of them refuses the whole draft, and each is named", () => {
    const recipients = ["to@ok.example", "cc@bad.example", "bcc@ok.example", "envelope@bad.example"];
    const verdict = judge({ block: ["bad.example"] }, { recipients });
    expect(verdict).toMatchObject({ outcome: "blocked", reason: "block_list", refused: [1, 3] });
    expect(judge({ allow: ["ok.example"] }, { recipients })).toMatchObject({ reason: "allow_list", refused: [1, 3] });
    expect(judge({}, { recipients, suppressed: ["envelope@bad.example"] })).toMatchObject({ reason: "suppressed", refused: [3] });
  });

  it("NY-20 no list is everybody, an empty one nobody, and `*` is explicit", () => {
    expect(judge({})).toMatchObject({ outcome: "queued" });
    expect(judge({ allow: [] })).toMatchObject({ outcome: "blocked", reason: "allow_list" });
    expect(judge({ allow: ["*"] })).toMatchObject({ outcome: "queued" });
  });

  it("NY-08 whoever is blocked is blocked though allowed", () => {
    expect(judge({ allow: ["acme.example"], block: [ANNA] })).toMatchObject({ outcome: "blocked", reason: "block_list" });
    expect(judge({ allow: [ANNA], block: ["*"] })).toMatchObject({ outcome: "blocked", reason: "block_list" });
  });

  it("NY-08 10,000 entries cost under 50 µs a recipient", () => {
    const entries = Array.from({ length: 10_000 }, (_, index) => (index % 2 === 0 ? `*.d${index}.example` : `a${index}@b${index}.example`));
    const policy = policyOf({ allow: [...entries.slice(1), "*.firm.example"], block: entries });
    const recipients = Array.from({ length: 100 }, (_, index) => `who${index}@a.b.c.d.e.f.firm.example`);
    const facts = outboundFacts({ recipients });
    expect(evaluateOutbound(policy, facts, [])).toMatchObject({ outcome: "queued" });
    const times = Array.from({ length: 20 }, () => {
      const before = process.threadCpuUsage();
      evaluateOutbound(policy, facts, []);
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / recipients.length;
    });
    expect(Math.min(...times)).toBeLessThan(50);
  });
});

describe("the mode in effect", () => {
  it("MM-28 a policy lowers it and never raises it", () => {
    for (const mode of MODES) {
      for (const maxMode of MODES) expect(judge({ maxMode }, { mode }).mode).toBe(strictest(mode, maxMode));
      expect(judge({}, { mode }).mode).toBe(mode);
    }
  });

  it("X-31 taint leaves `gated_send` at most, and says so where it is what lowers it", () => {
    for (const mode of MODES) expect(judge({}, { mode, tainted: true }).mode).toBe(strictest(mode, "gated_send"));
    expect(judge({}, { mode: "monitored", tainted: true }).reason).toBe("tainted_thread");
    expect(judge({ maxMode: "gated_send" }, { tainted: true }).reason).toBe("mode_gated_send");
  });

  it("NY-13 the caps are the policy's, and fifty an hour and five hundred a day without one", () => {
    expect(judge({ perHour: 3, perDay: 7 }).caps).toEqual({ perHour: 3, perDay: 7 });
    expect(evaluateOutbound(DEFAULT_POLICY, outboundFacts(), [])).toMatchObject({ outcome: "queued", caps: { perHour: 50, perDay: 500 } });
    expect(judge({ perHour: 3 }, { sends: { lastHour: 2, lastDay: 2 } })).toMatchObject({ outcome: "queued" });
    expect(judge({ perHour: 3 }, { sends: { lastHour: 3, lastDay: 3 } })).toMatchObject({ reason: "send_limit_per_hour" });
    expect(judge({ perDay: 3 }, { sends: { lastHour: 2, lastDay: 3 } })).toMatchObject({ reason: "send_limit_per_day" });
  });
});

describe("approvals", () => {
  it("X-05 without a policy any one overseer, a week, a reminder after half of it and escalation after four fifths", () => {
    expect(evaluateOutbound(DEFAULT_POLICY, outboundFacts(), []).approvals).toEqual({
      approvers: [],
      escalateTo: [],
      quorum: 1,
      trustNamespace: false,
      remindAfter: 3.5 * DAY,
      escalateAfter: (28 * DAY) / 5,
      expireAfter: 7 * DAY,
    });
  });

  it("X-05 as the policy names them", () => {
    const approvers = ["key_2n4p6r8t0v1x3z5b7d9f1h3k", "key_3n4p6r8t0v1x3z5b7d9f1h3k"];
    const escalateTo = ["key_4n4p6r8t0v1x3z5b7d9f1h3k"];
    expect(
      judge({ approvals: { approvers, escalateTo, quorum: 2, expireAfter: "10 s", remindAfter: "2 s", trustNamespace: true } }).approvals,
    ).toEqual({ approvers, escalateTo, quorum: 2, trustNamespace: true, remindAfter: 2_000, escalateAfter: 8_000, expireAfter: 10_000 });
  });
});

describe("the overseer's copy", () => {
  it("MM-05 is held back by no mode, cap, guard, first contact or allow list, nor by its author's key", () => {
    const copy = { kind: "copy", mode: "read_only", author_revoked: true, tainted: true, automatic_source: true } as const;
    const given = { ...copy, new_domains: ["acme.example"], sends: { lastHour: 99, lastDay: 999 } };
    const verdict = judge({ allow: [], firstContact: "approve", perHour: 1 }, given, null);
    expect(short(verdict)).toEqual(["queued", "copy", "admitted"]);
    expect(verdict.caps.perHour).toBeGreaterThan(1_000_000);
  });

  it("X-27 is stopped by the kill switch, by a block and by a suppression", () => {
    expect(judge({}, { kind: "copy", stopped: "tenant" })).toMatchObject({ outcome: "blocked", reason: "stopped_tenant" });
    expect(judge({ block: [ANNA] }, { kind: "copy" })).toMatchObject({ outcome: "blocked", reason: "block_list" });
    expect(judge({}, { kind: "copy", suppressed: [ANNA] })).toMatchObject({ outcome: "blocked", reason: "suppressed" });
  });
});

describe("properties", () => {
  const rank = ({ outcome }: OutboundVerdict) => OUTBOUND_STRICTNESS.indexOf(outcome);
  const policies = outboundInputs.map(policyOf);
  const findings = fc.array(outboundFinding, { maxLength: 3 });

  it("is total, and the mode in effect is never looser than the mailbox's", () => {
    fc.assert(
      fc.property(policies, anyOutboundFacts, fc.option(findings), (policy, facts, seen) => {
        const verdict = evaluateOutbound(policy, facts, seen);
        expect(OUTBOUND_STRICTNESS).toContain(verdict.outcome);
        expect(isUpward(facts.mode, verdict.mode)).toBe(false);
        if (verdict.outcome !== "blocked") expect(verdict.refused).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("DESIGN §9.4 another finding, a failed guard, a suppression, a stop, taint, a stricter mode, a block or a message more never loosens", () => {
    fc.assert(
      fc.property(policies, anyOutboundFacts, findings, outboundFinding, fc.constantFrom(...MODES), (policy, facts, seen, more, mode) => {
        const before = rank(evaluateOutbound(policy, facts, seen));
        const stricter: readonly [OutboundFacts, readonly Finding[] | null][] = [
          [facts, [...seen, more]],
          [facts, null],
          [{ ...facts, suppressed: facts.recipients }, seen],
          [{ ...facts, stopped: facts.stopped ?? "agent" }, seen],
          [{ ...facts, author_revoked: true }, seen],
          [{ ...facts, tainted: true }, seen],
          [{ ...facts, automatic_source: true }, seen],
          [{ ...facts, new_domains: [...facts.new_domains, "more.example"] }, seen],
          [{ ...facts, mode: strictest(facts.mode, mode) }, seen],
          [{ ...facts, recipients: [...facts.recipients, "more@else.test"] }, seen],
          [{ ...facts, sends: { lastHour: facts.sends.lastHour + 1, lastDay: facts.sends.lastDay + 1 } }, seen],
        ];
        for (const [worse, found] of stricter) expect(rank(evaluateOutbound(policy, worse, found))).toBeGreaterThanOrEqual(before);
      }),
      { numRuns: 150 },
    );
  });

  it("DESIGN §9.4 another block, one allowed less, a lower mode or cap in the policy never loosens", () => {
    fc.assert(
      fc.property(outboundInputs, anyOutboundFacts, findings, fc.constantFrom(...MODES), (outbound, facts, seen, mode) => {
        const before = rank(evaluateOutbound(policyOf(outbound), facts, seen));
        const stricter: readonly OutboundInputs[] = [
          { ...outbound, block: [...(outbound.block ?? []), "acme.example"] },
          { ...outbound, allow: (outbound.allow ?? []).slice(1) },
          { ...outbound, maxMode: strictest(mode, ...(outbound.maxMode === undefined ? [] : [outbound.maxMode])) },
          { ...outbound, perHour: 1, perDay: 1 },
          { ...outbound, firstContact: "approve" },
        ];
        for (const rules of stricter) expect(rank(evaluateOutbound(policyOf(rules), facts, seen))).toBeGreaterThanOrEqual(before);
      }),
      { numRuns: 150 },
    );
  });

  it("deny comes before hold: what is refused is refused whatever the guards saw", () => {
    fc.assert(
      fc.property(policies, anyOutboundFacts, findings, (policy, facts, seen) => {
        const blind = evaluateOutbound(policy, facts, []);
        const judged = evaluateOutbound(policy, facts, seen);
        if (blind.outcome === "blocked" || blind.outcome === "rate_limited") expect(judged).toEqual(blind);
        else expect(["queued", "pending_send_approval"]).toContain(judged.outcome);
      }),
      { numRuns: 150 },
    );
  });
});
