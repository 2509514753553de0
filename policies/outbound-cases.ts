import { z } from "zod";
import { scanOutgoing } from "../src/guards/outgoing.ts";
import { OUTBOUND_GUARDS } from "../src/model/guards.ts";
import { MODES, OUTBOUND_REASONS } from "../src/model/outbound.ts";
import { foldAddress, foldDomain } from "./address.ts";
import { about, compare, findings, given, message, viewsOf, wholeSays } from "./case-fields.ts";
import { choice, flag, form, section } from "./fields.ts";
import { evaluateOutbound, OUTBOUND_STRICTNESS, type OutboundFacts } from "./outbound.ts";
import type { MailPolicy } from "./schema.ts";
import { must } from "./wording.ts";

// Everything screening would ask of the mailbox is said in the case: its mode, what it sent, whom it knows.

const MAX_RECIPIENTS = 100;
const STOPS = ["mailbox", "agent", "tenant"] as const;

function addresses(what: string) {
  const says = must(`a list of at most ${MAX_RECIPIENTS} addresses`, "shorten it");
  const address = form(foldAddress, "an address like `anna@acme.example`", "write one address");
  return z.array(address, says).max(MAX_RECIPIENTS, says).default([]).describe(what);
}

function yes(what: string) {
  return flag(what, "write `true`, or remove it").default(false);
}

function sent(what: string) {
  return z.int(wholeSays).min(0, wholeSays).default(0).describe(what);
}

const domainsSays = must(`a list of at most ${MAX_RECIPIENTS} domains`, "shorten it");

const facts = section(
  {
    to: addresses("Recipients the header names in `To`."),
    cc: addresses("In `Cc`."),
    bcc: addresses("Of the envelope alone."),
    kind: choice(["draft", "copy"], "The agent's mail, or the overseer's copy of it.").default("draft"),
    mode: choice(MODES, "Oversight mode of the mailbox.").default("gated_send"),
    no_overseer: yes("The mailbox has no oversight address."),
    stopped: choice(STOPS, "Which kill switch is on.").nullable().default(null),
    author_revoked: yes("The key that submitted is revoked."),
    suppressed: addresses("Suppressed addresses."),
    sent_last_hour: sent("Messages of this mailbox in the rolling hour, without this one."),
    sent_last_day: sent("The same of rolling 24 hours."),
    new_domains: z
      .array(form(foldDomain, "a domain like `acme.example`", "write one domain"), domainsSays)
      .max(MAX_RECIPIENTS, domainsSays)
      .default([])
      .describe("Domains this mailbox never wrote to."),
    tainted: yes("The thread holds a quarantined or unproven message."),
    automatic_source: yes("The answered message is automatic."),
    guard_failed: yes("A guard could not look."),
  },
  "an object with `to`",
  'write for example `{"to": ["anna@acme.example"], "mode": "autonomous"}`',
).refine(({ to, cc, bcc }) => to.length + cc.length + bcc.length > 0, {
  path: ["to"],
  error: "names nobody, and neither does `cc` or `bcc`; fix: name a recipient",
});

export const outboundCase = section(
  {
    direction: z.literal("outbound").describe("Mail that leaves."),
    ...about,
    facts: facts.describe("Who would get it, and what the mailbox knows."),
    message: message.optional().describe("Content for the guards to look at."),
    findings: findings(Object.keys(OUTBOUND_GUARDS) as ["secrets"], '{"guard": "secrets"}'),
    expect: section(
      {
        outcome: choice(OUTBOUND_STRICTNESS, "Outcome."),
        reason: choice(OUTBOUND_REASONS, "Reason."),
        mode: choice(MODES, "The mode in effect.").optional(),
        refused: addresses("For whom it is blocked.").unwrap().optional(),
        quorum: z.int(wholeSays).min(1, wholeSays).optional().describe("Approvals it takes."),
      },
      "an object with `outcome` and `reason`",
      'write for example `{"outcome": "pending_send_approval", "reason": "mode_gated_send"}`',
    ).describe("The decision expected; what is left out is left open."),
  },
  "an object with `name`, `facts` and `expect`",
  "write one object, or a list of them",
);

export type OutboundCase = z.output<typeof outboundCase>;

/** How the policy's decision differs from the one expected, its message looked at by every guard. */
export function judgeOutboundCase(policy: MailPolicy, one: OutboundCase): readonly string[] {
  const known = factsOf(one.facts);
  const seen = one.message === undefined ? [] : scanOutgoing(viewsOf(one.message));
  const verdict = evaluateOutbound(policy, known, one.facts.guard_failed ? null : [...given(one.findings), ...seen]);
  const { outcome, reason, mode, refused, approvals } = verdict;
  const names = refused.map((index) => known.recipients[index]);
  return compare(one.expect, { outcome, reason, mode, refused: names, quorum: approvals.quorum });
}

function factsOf({ to, cc, bcc, sent_last_hour, sent_last_day, ...rest }: OutboundCase["facts"]): OutboundFacts {
  return { ...rest, recipients: [...to, ...cc, ...bcc], sends: { lastHour: sent_last_hour, lastDay: sent_last_day } };
}
