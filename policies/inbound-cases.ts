import { z } from "zod";
import type { ContentPatterns } from "../src/guards/content.ts";
import { runGuards } from "../src/guards/index.ts";
import { INBOUND_OUTCOMES } from "../src/model/decision.ts";
import { CONTENT_GUARD, GUARDS } from "../src/model/guards.ts";
import { AUTH_RESULTS } from "../src/model/message.ts";
import { foldAddress } from "./address.ts";
import { about, compare, findings, given, message, text, texts, viewsOf, wholeSays } from "./case-fields.ts";
import { choice, flag, section } from "./fields.ts";
import { evaluateInbound } from "./inbound.ts";
import type { InboundFacts, InboundVerdict } from "./inbound.ts";
import { policyDigest } from "./load.ts";
import type { MailPolicy } from "./schema.ts";
import { must } from "./wording.ts";

// Limits need a history, so a case ends where they begin: `delivered` means "admitted, if the limits allow".

const LOOPS = ["own_message_id", "own_address", "ping_pong"] as const;

function result(what: string) {
  return choice(AUTH_RESULTS, what).default("none");
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

const GUARD_NAMES = Object.keys(GUARDS) as (keyof typeof GUARDS)[];

export const inboundCase = section(
  {
    direction: z
      .literal("inbound", must("`inbound` or `outbound`", "write one of the two"))
      .default("inbound")
      .describe("Mail that arrives."),
    ...about,
    facts: facts.describe("What verification found out."),
    message: message.optional().describe("Content for the guards to look at."),
    findings: findings([CONTENT_GUARD, ...GUARD_NAMES], '{"guard": "content", "rule_index": 0}'),
    expect: section(
      {
        outcome: choice(INBOUND_OUTCOMES, "Outcome."),
        reason: text("Reason."),
        rule_index: z.int(wholeSays).min(0, wholeSays).nullable().optional().describe("Index into `senders`; `null` for none."),
        capabilities: z.array(text("A capability."), must("a list of names", "remove it to leave it open")).optional(),
      },
      "an object with `outcome` and `reason`",
      'write for example `{"outcome": "delivered", "reason": "sender_rule"}`',
    ).describe("The decision expected; what is left out is left open."),
  },
  "an object with `name`, `facts` and `expect`",
  "write one object, or a list of them",
);

export type InboundCase = z.output<typeof inboundCase>;

/** How the policy's decision differs from the one expected. */
export function judgeInboundCase(policy: MailPolicy, one: InboundCase): readonly string[] {
  return compare(one.expect, verdictOfCase(policy, one));
}

/** The policy's decision, its message looked at by every guard. */
export function verdictOfCase(policy: MailPolicy, one: Omit<InboundCase, "name" | "expect">): InboundVerdict {
  const seen = one.message === undefined ? [] : runGuards(viewsOf(one.message), patternsOf(policy));
  return evaluateInbound(policy, factsOf(one.facts), [...given(one.findings), ...seen]);
}

/** Per policy: its digest is asked for with every case. */
const patterns = new WeakMap<MailPolicy, ContentPatterns>();

function patternsOf(policy: MailPolicy): ContentPatterns {
  const known = patterns.get(policy);
  if (known !== undefined) return known;
  const guards = policy.contentGuards.map(({ reject, in: places }) => ({ pattern: reject, in: places }));
  const made = { digest: policyDigest(policy), guards };
  patterns.set(policy, made);
  return made;
}

function factsOf({ from, spf, dkim, dmarc, arc, alignment, lists, loop }: InboundCase["facts"]): InboundFacts {
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
