import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_OUTBOUND, DEFAULT_POLICY, definePolicy, readPolicy } from "../../policies/define.ts";
import { formatPolicy, parsePolicy, policyDigest } from "../../policies/load.ts";
import { EXAMPLE, LISTS, inputs, policies } from "./samples.ts";

const YAML = `
senders:
  - match: { address: boss@acme.example, requireDkim: true, requireSpf: true }
    capabilities: [read_calendar, propose_meeting, confirm_meeting]
    rateLimit: { perHour: 20, perDay: 100 }
    tokenBudget: { perThread: 20000 }
  - match:
      address: notifications@calendar-bot.example
      requireDkim: true
    capabilities:
      - ingest_conflict_notice
    rateLimit: { perHour: 200 }
contentGuards:
  - reject: /ignore (previous|all) instructions/i
    reason: prompt_injection_suspected
defaultAction: bounce
auditLog: { retentionDays: 90, includeBodyHash: true }
`;

describe("definePolicy", () => {
  it("gives the normal form: defaults written out, patterns as text", () => {
    expect(definePolicy(EXAMPLE)).toEqual({
      version: 1,
      senders: [
        { ...EXAMPLE.senders[0], onLimit: "refuse" },
        { ...EXAMPLE.senders[1], onLimit: "refuse" },
      ],
      contentGuards: [
        {
          reject: "/ignore (previous|all) instructions/i",
          reason: "prompt_injection_suspected",
          in: ["subject", "text", "html", "hidden"],
          action: "reject",
        },
      ],
      guards: {},
      defaultAction: "bounce",
      auditLog: { retentionDays: 90, includeBodyHash: true },
    });
  });

  it("gives outbound rules their defaults where there are some, and none where there are none", () => {
    const policy = definePolicy({
      ...EXAMPLE,
      outbound: { allow: ["Anna@ACME.example", "*.München.example", "*"], approvals: { remindAfter: "60 min" } },
    });
    expect(policy.outbound).toEqual({
      allow: ["anna@acme.example", "*.xn--mnchen-3ya.example", "*"],
      block: [],
      perHour: 50,
      perDay: 500,
      approvals: { quorum: 1, expireAfter: "7 days", remindAfter: "1 h", trustNamespace: false },
    });
    expect(definePolicy({ ...EXAMPLE, outbound: {} }).outbound).toEqual(DEFAULT_OUTBOUND);
    expect(definePolicy(EXAMPLE)).not.toHaveProperty("outbound");
  });

  it("gives frozen plain data and leaves the input alone", () => {
    const policy = definePolicy(EXAMPLE);
    expect(JSON.parse(JSON.stringify(policy))).toEqual(policy);
    expect(() => Object.assign(policy, { defaultAction: "drop" })).toThrow(TypeError);
    expect(() => (policy.senders[0]!.capabilities as string[]).push("more")).toThrow(TypeError);
    expect(Object.isFrozen(EXAMPLE.senders)).toBe(false);
  });

  it("TypeScript, YAML and JSON that say the same have one digest", () => {
    const json = JSON.stringify(EXAMPLE, (_, value: unknown) => (value instanceof RegExp ? String(value) : value));
    const digest = policyDigest(definePolicy(EXAMPLE));
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(policyDigest(parsePolicy(YAML, "yaml"))).toBe(digest);
    expect(policyDigest(parsePolicy(json, "json"))).toBe(digest);
  });

  it("the digest is of what is said, not of how: order of keys, spelling, flags that are off", () => {
    const rule = { match: { domain: "München.Example", requireDkim: false, subdomains: false }, capabilities: [] };
    const one = definePolicy({ senders: [rule], defaultAction: "drop", contentGuards: [{ reject: /x/gi, reason: "r" }] });
    const other = definePolicy({
      version: 1,
      contentGuards: [{ reason: "r", reject: "/x/i" }],
      defaultAction: "drop",
      senders: [{ capabilities: [], match: { domain: "xn--mnchen-3ya.example" } }],
    });
    expect(policyDigest(one)).toBe(policyDigest(other));
    expect(policyDigest(one)).not.toBe(policyDigest(definePolicy({ ...one, defaultAction: "bounce" })));
  });

  it("takes a RegExp of another realm", () => {
    const reject = runInNewContext("/x+/i") as RegExp;
    expect(definePolicy({ senders: [], defaultAction: "drop", contentGuards: [{ reject, reason: "r" }] }).contentGuards[0]?.reject).toBe(
      "/x+/i",
    );
  });

  it("a mailbox without a policy refuses everybody", () => {
    expect(DEFAULT_POLICY).toMatchObject({ senders: [], defaultAction: "bounce" });
  });

  it("parse∘format is the identity, and the normal form is its own normal form", () => {
    fc.assert(
      fc.property(policies, (policy) => {
        expect(parsePolicy(formatPolicy(policy), "json", { lists: LISTS })).toEqual(policy);
        expect(parsePolicy(formatPolicy(policy), "yaml", { lists: LISTS })).toEqual(policy);
        expect(policyDigest(definePolicy(policy, { lists: LISTS }))).toBe(policyDigest(policy));
      }),
      { numRuns: 150 },
    );
  });

  it("a document is accepted or refused with problems, whatever it is", () => {
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom("senders", "*", "/x/i", null, 0, -1, true, 1e99, Number.NaN),
        tie("object"),
        tie("array"),
      ),
      array: fc.array(tie("value"), { maxLength: 4 }),
      object: fc.dictionary(
        fc.constantFrom("senders", "match", "address", "capabilities", "contentGuards", "reject", "guards", "__proto__", "rateLimit", "x"),
        tie("value"),
        { maxKeys: 5 },
      ),
    })).value;
    const broken = fc.oneof(
      tree,
      fc
        .tuple(inputs, fc.constantFrom("senders", "contentGuards", "guards", "auditLog", "defaultAction"), tree)
        .map(([input, key, value]) => ({ ...input, [key]: value })),
    );
    fc.assert(
      fc.property(broken, (input) => {
        try {
          readPolicy(input, { lists: LISTS });
        } catch (error) {
          expect(error).toMatchObject({ name: "PosternError", code: "invalid_policy", temporary: false });
          const { problems } = error as { problems: readonly { path: string; message: string }[] };
          expect(problems.length).toBeGreaterThan(0);
          for (const { path, message } of problems) {
            expect(path).not.toBe("");
            expect(message).toMatch(/; fix: ./);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
