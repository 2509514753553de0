import fc from "fast-check";
import { definePolicy } from "../../policies/define.ts";
import type { InboundFacts } from "../../policies/inbound.ts";
import type { MailPolicy, PolicyInput } from "../../policies/schema.ts";
import { GUARDED_PLACES } from "../../src/model/finding.ts";
import type { Finding, Severity } from "../../src/model/finding.ts";
import type { AuthResult, Verification } from "../../src/model/message.ts";
import { outboundInputs } from "./outbound-samples.ts";

/** The example of the README, as it is written there. */
export const EXAMPLE = {
  defaultAction: "bounce",
  senders: [
    {
      match: { address: "boss@acme.example", requireDkim: true, requireSpf: true },
      capabilities: ["read_calendar", "propose_meeting", "confirm_meeting"],
      rateLimit: { perHour: 20, perDay: 100 },
      tokenBudget: { perThread: 20_000 },
    },
    {
      match: { address: "notifications@calendar-bot.example", requireDkim: true },
      capabilities: ["ingest_conflict_notice"],
      rateLimit: { perHour: 200 },
    },
  ],
  contentGuards: [{ reject: /ignore (previous|all) instructions/i, reason: "prompt_injection_suspected" }],
  auditLog: { retentionDays: 90, includeBodyHash: true },
} as const satisfies PolicyInput;

export const PROVEN: Verification = { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: true } };

/** Facts of a message whose sender SPF, DKIM and DMARC prove. */
export function factsOf(address: string, given: Partial<InboundFacts> = {}, verified = true): InboundFacts {
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return { identity: { kind: "sender", address, domain, verified }, verification: PROVEN, loop: null, lists: [], ...given };
}

const RESULTS: readonly AuthResult[] = ["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy"];
const ADDRESSES = ["boss@acme.example", "Boss@ACME.example", "x@sub.acme.example", "bot@other.example", "*"];
const DOMAINS = ["acme.example", "sub.acme.example", "other.example", "example", "münchen.example", "*"];
export const LISTS = ["vip", "partners"];

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

const limits = fc.integer({ min: 1, max: 1_000 });

const needs = fc.oneof(
  fc.record({ requireDkim: maybe(fc.boolean()), requireSpf: maybe(fc.boolean()), requireDmarc: maybe(fc.boolean()) }),
  fc.record({ allowUnverified: maybe(fc.boolean()) }),
);

const match = fc
  .tuple(
    fc.oneof(
      fc.record({ address: fc.constantFrom(...ADDRESSES) }),
      fc.record({ domain: fc.constantFrom(...DOMAINS) }),
      fc.record({ domain: fc.constantFrom(...DOMAINS.filter((domain) => domain !== "*")), subdomains: fc.boolean() }),
      fc.record({ list: fc.constantFrom(...LISTS) }),
    ),
    needs,
  )
  .map(([who, how]) => ({ ...who, ...how }));

const sender = fc.record({
  match,
  capabilities: fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,20}$/), { maxLength: 4 }),
  rateLimit: maybe(fc.oneof(fc.record({ perHour: limits }), fc.record({ perHour: limits, perDay: limits }))),
  tokenBudget: maybe(fc.oneof(fc.record({ perThread: limits }), fc.record({ perDay: limits }))),
  onLimit: maybe(fc.constantFrom("refuse" as const, "defer" as const)),
});

const PATTERNS = [
  /ignore (previous|all) instructions/i,
  "(?i)wire transfer",
  "/a[/]b/s",
  "https?://evil",
  /é\d+$/m,
  "two\nlines",
  "\\u{1F600}",
];

const contentGuard = fc.record({
  reject: fc.constantFrom(...PATTERNS),
  reason: fc.stringMatching(/^[a-z]{1,8}(_[a-z0-9]{1,8}){0,2}$/),
  in: maybe(fc.uniqueArray(fc.constantFrom(...GUARDED_PLACES), { minLength: 1 })),
  action: maybe(fc.constantFrom("reject" as const, "quarantine" as const, "hold" as const)),
});

const guard = fc.record({
  above: maybe(fc.double({ min: 0, max: 3, noNaN: true })),
  action: fc.constantFrom("reject" as const, "quarantine" as const, "hold" as const, "record" as const),
  mode: maybe(fc.constantFrom("enforce" as const, "shadow" as const)),
});

/** Documents as authors write them. */
export const inputs: fc.Arbitrary<PolicyInput> = fc.record({
  senders: fc.array(sender, { maxLength: 6 }),
  contentGuards: maybe(fc.array(contentGuard, { maxLength: 4 })),
  guards: maybe(fc.record({ hidden_text: maybe(guard), headers: maybe(guard) })),
  defaultAction: fc.constantFrom("bounce" as const, "drop" as const, "quarantine" as const, "hold" as const),
  outbound: maybe(outboundInputs),
  auditLog: maybe(fc.record({ retentionDays: maybe(fc.integer({ min: 1, max: 36_500 })), includeBodyHash: maybe(fc.boolean()) })),
}) as fc.Arbitrary<PolicyInput>;

export const policies: fc.Arbitrary<MailPolicy> = inputs.map((input) => definePolicy(input, { lists: LISTS }));

export const facts: fc.Arbitrary<InboundFacts> = fc
  .record({
    address: fc.constantFrom(
      "boss@acme.example",
      "x@sub.acme.example",
      "a@deep.sub.acme.example",
      "bot@other.example",
      "b@xn--mnchen-3ya.example",
      "who@nowhere.test",
    ),
    ambiguous: fc.boolean(),
    verified: fc.boolean(),
    spf: fc.constantFrom(...RESULTS),
    dkim: fc.constantFrom(...RESULTS),
    dmarc: fc.constantFrom(...RESULTS),
    aligned: fc.record({ spf: fc.boolean(), dkim: fc.boolean() }),
    loop: fc.constantFrom(null, null, null, "own_message_id" as const),
    lists: fc.subarray(LISTS),
  })
  .map(({ address, ambiguous, verified, spf, dkim, dmarc, aligned, loop, lists }) => {
    const known = factsOf(address, { verification: { spf, dkim, dmarc, arc: "none", from_alignment: aligned }, loop, lists }, verified);
    return ambiguous && verified ? { ...known, identity: { kind: "ambiguous" as const, why: "two" } } : known;
  });

/** Findings of any guard, some of patterns the policy does not have. */
export const finding: fc.Arbitrary<Finding> = fc
  .record({
    guard: fc.constantFrom("content", "content", "hidden_text", "headers", "later_guard"),
    severity: fc.constantFrom<Severity>(0, 1, 2, 3),
    score: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
    rule_index: maybe(fc.integer({ min: -1, max: 5 })),
  })
  .map(({ guard: name, severity, score, rule_index }) => ({
    guard: name,
    code: "sample",
    severity,
    where: "text" as const,
    ...(score === undefined ? {} : { score }),
    ...(rule_index === undefined ? {} : { rule_index }),
  }));
