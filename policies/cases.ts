import { z } from "zod";
import type { ContentPatterns } from "../src/guards/content.ts";
import { runGuards } from "../src/guards/index.ts";
import { INBOUND_OUTCOMES } from "../src/model/decision.ts";
import type { Finding } from "../src/model/finding.ts";
import { CONTENT_GUARD, GUARDS } from "../src/model/guards.ts";
import { AUTH_RESULTS } from "../src/model/message.ts";
import { foldAddress } from "./address.ts";
import { parseText } from "./document.ts";
import { choice, flag, section } from "./fields.ts";
import { evaluateInbound } from "./inbound.ts";
import type { InboundFacts, InboundVerdict } from "./inbound.ts";
import { policyDigest } from "./load.ts";
import { invalidDocument, problemsOf } from "./problems.ts";
import type { MailPolicy } from "./schema.ts";
import { must, show } from "./wording.ts";

// Fixtures of a policy (`*.case.json`): the facts of a message and the decision expected. Limits need a history, so a
// case ends where they begin: `delivered` means "admitted, if the limits allow".

const MAX_CASES = 1_000;
const MAX_TEXT = 100_000;

const LOOPS = ["own_message_id", "own_address", "ping_pong"] as const;
const WHERE = ["subject", "text", "html", "hidden", "attachments", "headers", "structure"] as const;

function text(about: string) {
  const says = must(`text of at most ${MAX_TEXT} characters`, "shorten it");
  return z.string(says).max(MAX_TEXT, says).describe(about);
}

function texts(about: string) {
  const says = must("a list of at most 100 texts", "shorten it");
  return z.array(text(about), says).max(100, says).default([]).describe(about);
}

function result(about: string) {
  return choice(AUTH_RESULTS, about).default("none");
}

const fromSays = must("an address like `boss@acme.example`, or `null` for an ambiguous one", "write one address");

const facts = section(
  {
    from: z
      .string(fromSays)
      .refine((address) => foldAddress(address) !== null, fromSays)
      .nullable()
      .describe("The one address of `From`; `null`: several, or none that two readers agree on."),
    spf: result("SPF result."),
    dkim: result("DKIM result."),
    dmarc: result("DMARC result."),
    arc: result("ARC result."),
    alignment: section(
      { spf: flag("SPF.", "write `true` or `false`"), dkim: flag("DKIM.", "write `true` or `false`") },
      "an object with `spf` and `dkim`",
      "remove it: what passes is then aligned",
    )
      .optional()
      .describe("What passed for a domain aligned with `From`. Default: whatever passed."),
    lists: texts("Lists the sender is on."),
    loop: choice(LOOPS, "Why the message is an echo.").nullable().default(null),
  },
  "an object with `from`",
  'write for example `{"from": "boss@acme.example", "spf": "pass", "dkim": "pass"}`',
);

const message = section(
  {
    subject: text("Subject.").default(""),
    text: text("The plain part.").default(""),
    html: text("Visible text of the HTML part.").default(""),
    hidden: texts("Texts a person would not see."),
    attachments: texts("Names of attachments."),
  },
  "an object with `subject` and `text`",
  "the guards look at it; leave it out to give `findings` yourself",
);

const whole = must("a whole number from 0", "count from 0");

const finding = section(
  {
    guard: choice([CONTENT_GUARD, ...(Object.keys(GUARDS) as (keyof typeof GUARDS)[])], "Which guard saw it."),
    code: text("What it saw.").default("case"),
    severity: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)], must("0, 1, 2 or 3", "0 note, 3 dangerous")).default(2),
    score: z.number(must("a number from 0 to 1", "remove it for a guard without a score")).min(0).max(1).optional(),
    where: choice(WHERE, "Where.").default("text"),
    rule_index: z.int(whole).min(0, whole).optional().describe("For `content`: index into `contentGuards`."),
  },
  "an object with `guard`",
  'write for example `{"guard": "content", "rule_index": 0}`',
);

const nameSays = must("a name of 1 to 200 characters", "say what the case shows");
const findingsSays = must("a list of at most 100 findings", "shorten it");

const policyCase = section(
  {
    name: z.string(nameSays).min(1, nameSays).max(200, nameSays).describe("What the case shows."),
    policy: text("File name of the policy it is for, where several are in one folder.").optional(),
    facts: facts.describe("What verification found out."),
    message: message.optional().describe("Content for the guards to look at."),
    findings: z.array(finding, findingsSays).max(100, findingsSays).default([]).describe("Findings on top of those."),
    expect: section(
      {
        outcome: choice(INBOUND_OUTCOMES, "Outcome."),
        reason: text("Reason."),
        rule_index: z.int(whole).min(0, whole).nullable().optional().describe("Index into `senders`; `null` for none."),
        capabilities: z.array(text("A capability."), must("a list of names", "remove it to leave it open")).optional(),
      },
      "an object with `outcome` and `reason`",
      'write for example `{"outcome": "delivered", "reason": "sender_rule"}`',
    ).describe("The decision expected; what is left out is left open."),
  },
  "an object with `name`, `facts` and `expect`",
  "write one object, or a list of them",
);

export type PolicyCase = z.output<typeof policyCase>;

interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  /** One line a field: ``outcome: expected `delivered`, got `held` ``. */
  readonly differences: readonly string[];
}

/** The cases of one file: an object or a list of them. Throws `PosternError` `invalid_policy` with every problem. */
export function parseCases(json: string): readonly PolicyCase[] {
  const data = parseText(json, "json");
  const list = Array.isArray(data) ? data : [data];
  const says = must(`at most ${MAX_CASES} cases`, "use several files");
  const read = z.array(policyCase).max(MAX_CASES, says).safeParse(list);
  if (!read.success) throw invalidDocument("case file", problemsOf(read.error.issues, "cases"));
  return read.data;
}

/** Judges each case by the policy, its message looked at by every guard. */
export function runCases(policy: MailPolicy, cases: readonly PolicyCase[]): readonly CaseResult[] {
  const patterns = contentPatterns(policy);
  return cases.map((one) => {
    const verdict = evaluateInbound(policy, factsOf(one.facts), findingsOf(one, patterns));
    const differences = compare(one.expect, verdict);
    return { name: one.name, passed: differences.length === 0, differences };
  });
}

function contentPatterns(policy: MailPolicy): ContentPatterns {
  const guards = policy.contentGuards.map(({ reject, in: places }) => ({ pattern: reject, in: places }));
  return { digest: policyDigest(policy), guards };
}

function factsOf({ from, spf, dkim, dmarc, arc, alignment, lists, loop }: PolicyCase["facts"]): InboundFacts {
  const from_alignment = alignment ?? { spf: spf === "pass", dkim: dkim === "pass" };
  const verified = (spf === "pass" && from_alignment.spf) || (dkim === "pass" && from_alignment.dkim);
  const verification = { spf, dkim, dmarc, arc, from_alignment };
  if (from === null) return { identity: { kind: "ambiguous", why: "case" }, verification, lists, loop };
  return {
    identity: { kind: "sender", address: from, domain: from.slice(from.lastIndexOf("@") + 1), verified },
    verification,
    lists,
    loop,
  };
}

function findingsOf({ findings, message: content }: PolicyCase, patterns: ContentPatterns): readonly Finding[] {
  const given = findings.map(({ score, rule_index, ...rest }) => ({
    ...rest,
    ...(score === undefined ? {} : { score }),
    ...(rule_index === undefined ? {} : { rule_index }),
  }));
  return content === undefined ? given : [...given, ...runGuards({ ...content, headers: NO_HEADERS }, patterns)];
}

const NO_HEADERS = { names: [], long_lines: 0 };

function compare(expected: PolicyCase["expect"], got: InboundVerdict): readonly string[] {
  const fields = ["outcome", "reason", "rule_index", "capabilities"] as const;
  return fields.flatMap((field) => {
    const want = expected[field];
    if (want === undefined || JSON.stringify(want) === JSON.stringify(got[field])) return [];
    return [`${field}: expected ${show(want)}, got ${show(got[field])}`];
  });
}
