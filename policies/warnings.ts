import type { Problem } from "../src/model/errors.ts";
import { outboundWarnings } from "./outbound-warnings.ts";
import type { MailPolicy, SenderRule } from "./schema.ts";
import { matchSender } from "./senders.ts";
import { when } from "./wording.ts";

/** What is allowed and rarely meant. Never a reason to refuse; the same style as errors: what, then the way out. */
export function warnings(policy: MailPolicy): readonly Problem[] {
  return [
    ...policy.senders.flatMap((rule, index) => ruleWarnings(policy, rule, index)),
    ...documentWarnings(policy),
    ...(policy.outbound === undefined ? [] : outboundWarnings(policy.outbound)),
  ];
}

function ruleWarnings(policy: MailPolicy, rule: SenderRule, index: number): readonly Problem[] {
  const path = `senders[${index}]`;
  const { match } = rule;
  const asksNothing = match.requireDkim !== true && match.requireSpf !== true && match.requireDmarc !== true;
  return [
    ...shadow(policy, match, index),
    ...when(
      isAny(match) && index < policy.senders.length - 1,
      path,
      "matches every sender, so no rule below it is ever used; fix: move it to the end",
    ),
    ...when(
      match.subdomains === true && match.domain?.includes(".") === false,
      `${path}.match.domain`,
      `covers a whole top-level domain \`${match.domain}\`; fix: name the domains you mean`,
    ),
    ...when(
      match.allowUnverified === true,
      `${path}.match.allowUnverified`,
      "lets in mail that nothing proves: anyone can write that `From`; fix: remove it, or give the rule no capabilities",
    ),
    ...when(
      asksNothing && match.allowUnverified !== true && rule.capabilities.length > 0,
      `${path}.match`,
      "gives capabilities on SPF alone, which anyone who sends through the same provider can pass; fix: add `requireDkim: true` or `requireDmarc: true`",
    ),
    ...when(
      rule.rateLimit === undefined,
      path,
      "has no `rateLimit`: one sender may write without end; fix: add for example `rateLimit: { perHour: 20 }`",
    ),
    ...when(
      rule.onLimit === "defer" && rule.rateLimit === undefined && rule.tokenBudget === undefined,
      `${path}.onLimit`,
      "has no limit to act on; fix: add `rateLimit` or `tokenBudget`",
    ),
  ];
}

function shadow(policy: MailPolicy, match: SenderRule["match"], index: number): readonly Problem[] {
  const first = coveredBy(policy, match);
  return when(
    first !== null && first < index && !isAny(match),
    `senders[${index}]`,
    `is never used: \`senders[${first}]\` matches the same senders first; fix: move it above, or remove it`,
  );
}

/** The first rule that matches everything this one matches. */
function coveredBy(policy: MailPolicy, match: SenderRule["match"]): number | null {
  if (match.address !== undefined) return matchSender(policy, match.address, []);
  if (match.list !== undefined) return matchSender(policy, "@", [match.list]);
  // Whoever matches a made-up address of the domain, or below it, without naming that address, matches them all.
  const domain = match.subdomains === true ? `below.${match.domain}` : match.domain;
  return matchSender(policy, `@${domain}`, []);
}

function isAny(match: SenderRule["match"]): boolean {
  return match.address === "*" || match.domain === "*";
}

function documentWarnings(policy: MailPolicy): readonly Problem[] {
  const waits = policy.defaultAction === "hold" || policy.defaultAction === "quarantine";
  return [
    ...when(
      policy.senders.length === 0,
      "senders",
      `names nobody: every message is judged by \`defaultAction: ${policy.defaultAction}\`; fix: add a rule for those who may write`,
    ),
    ...when(
      waits,
      "defaultAction",
      "keeps strangers' mail until a person with an oversight key releases or discards it; fix: see that somebody does, or use `bounce`",
    ),
    ...when(
      policy.defaultAction === "drop",
      "defaultAction",
      "accepts mail and discards it, and no sender learns of it; fix: use `bounce` to refuse it",
    ),
    ...when(
      policy.senders.length > 0 && policy.contentGuards.length === 0,
      "contentGuards",
      "has no pattern: whatever an allowed sender writes reaches the agent; fix: add guards for what no message may say",
    ),
    ...policy.contentGuards.flatMap(({ reject, action }, index) => {
      const earlier = policy.contentGuards.findIndex((guard) => guard.reject === reject && guard.action === action);
      return when(earlier < index, `contentGuards[${index}].reject`, `repeats \`contentGuards[${earlier}]\`; fix: remove one`);
    }),
  ];
}
