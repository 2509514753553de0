import fc from "fast-check";
import type { OutboundFacts } from "../../policies/outbound.ts";
import type { PolicyInput } from "../../policies/schema.ts";
import type { Finding, Severity } from "../../src/model/finding.ts";
import { MODES } from "../../src/model/outbound.ts";

export type OutboundInputs = NonNullable<PolicyInput["outbound"]>;

export const ANNA = "anna@acme.example";

/** Facts of a draft that nothing stands against but its mailbox's mode. */
export function outboundFacts(given: Partial<OutboundFacts> = {}): OutboundFacts {
  return {
    kind: "draft",
    mode: "autonomous",
    stopped: null,
    no_overseer: false,
    author_revoked: false,
    recipients: [ANNA],
    suppressed: [],
    sends: { lastHour: 0, lastDay: 0 },
    new_domains: [],
    tainted: false,
    automatic_source: false,
    ...given,
  };
}

export const SECRET: Finding = { guard: "secrets", code: "payment_card", severity: 3, where: "text" };

const ENTRIES = [ANNA, "bob@acme.example", "acme.example", "*.acme.example", "sub.acme.example", "münchen.example", "*.example", "*"];
const KEYS = ["key_2n4p6r8t0v1x3z5b7d9f1h3k", "key_3n4p6r8t0v1x3z5b7d9f1h3k", "key_4n4p6r8t0v1x3z5b7d9f1h3k"];
const RECIPIENTS = [ANNA, "Bob@ACME.example", "x@sub.acme.example", "y@xn--mnchen-3ya.example", "who@else.test"];

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

const approvals = fc
  .record({
    approvers: maybe(fc.subarray(KEYS, { minLength: 1 })),
    quorum: maybe(fc.integer({ min: 1, max: 3 })),
    expireAfter: maybe(fc.constantFrom("7 days", "36 h", "2 min")),
    remindAfter: maybe(fc.constantFrom("30 s", "1 min", "90 s")),
    trustNamespace: maybe(fc.boolean()),
  })
  .map(({ approvers, quorum, ...rest }) => ({ ...rest, approvers, quorum: Math.min(quorum ?? 1, approvers?.length ?? 3) }));

/** Outbound sections as authors write them. */
export const outboundInputs: fc.Arbitrary<OutboundInputs> = fc.record({
  maxMode: maybe(fc.constantFrom(...MODES)),
  allow: maybe(fc.subarray(ENTRIES)),
  block: maybe(fc.subarray(ENTRIES, { maxLength: 3 })),
  perHour: maybe(fc.integer({ min: 1, max: 60 })),
  perDay: maybe(fc.integer({ min: 1, max: 60 })),
  firstContact: maybe(fc.constant("approve" as const)),
  approvals: maybe(approvals),
});

export const anyOutboundFacts: fc.Arbitrary<OutboundFacts> = fc
  .record({
    kind: fc.constantFrom("draft" as const, "draft" as const, "copy" as const),
    mode: fc.constantFrom(...MODES),
    stopped: fc.constantFrom(null, null, null, "mailbox" as const, "agent" as const, "tenant" as const),
    no_overseer: fc.boolean(),
    author_revoked: fc.constantFrom(false, false, true),
    recipients: fc.subarray(RECIPIENTS),
    lastHour: fc.integer({ min: 0, max: 70 }),
    lastDay: fc.integer({ min: 0, max: 70 }),
    new_domains: fc.subarray(["acme.example", "else.test"]),
    tainted: fc.boolean(),
    automatic_source: fc.boolean(),
    suppress: fc.nat({ max: 6 }),
  })
  .map(({ lastHour, lastDay, suppress, ...rest }) => ({
    ...rest,
    sends: { lastHour, lastDay },
    suppressed: rest.recipients.slice(suppress, suppress + 1),
  }));

/** Findings of the outbound guards, and some of a guard that is not known. */
export const outboundFinding: fc.Arbitrary<Finding> = fc.record({
  guard: fc.constantFrom("secrets", "secrets", "later_guard", "constructor"),
  code: fc.constant("sample"),
  severity: fc.constantFrom<Severity>(0, 1, 2, 3),
  where: fc.constant("text" as const),
});
