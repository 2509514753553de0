import { z } from "zod";
import type { Problem } from "../src/model/errors.ts";
import { parseText } from "./document.ts";
import { inboundCase, judgeInboundCase, type InboundCase } from "./inbound-cases.ts";
import { judgeOutboundCase, outboundCase, type OutboundCase } from "./outbound-cases.ts";
import { invalidDocument, problemsOf } from "./problems.ts";
import type { MailPolicy } from "./schema.ts";
import { must } from "./wording.ts";

// Fixtures of a policy (`*.case.json`): the facts of a message and the decision expected. `direction: "outbound"` makes
// it mail that leaves; without it the mail arrives.

const MAX_CASES = 1_000;

export type PolicyCase = InboundCase | OutboundCase;

interface CaseResult {
  readonly name: string;
  readonly passed: boolean;
  /** One line a field: ``outcome: expected `delivered`, got `held` ``. */
  readonly differences: readonly string[];
}

const list = z.array(z.unknown()).max(MAX_CASES, must(`at most ${MAX_CASES} cases`, "use several files"));

/** The cases of one file: an object or a list of them. Throws `PosternError` `invalid_policy` with every problem. */
export function parseCases(json: string): readonly PolicyCase[] {
  const data = parseText(json, "json");
  const read = list.safeParse(Array.isArray(data) ? data : [data]);
  if (!read.success) throw invalidDocument("case file", problemsOf(read.error.issues, "cases"));
  const problems: Problem[] = [];
  const cases = read.data.flatMap((item, index) => {
    const one = isOutbound(item) ? outboundCase.safeParse(item) : inboundCase.safeParse(item);
    if (one.success) return [one.data];
    const issues = one.error.issues.map((issue) => ({ ...issue, path: [index, ...issue.path] }));
    problems.push(...problemsOf(issues, "cases"));
    return [];
  });
  if (problems.length > 0) throw invalidDocument("case file", problems);
  return cases;
}

/** One that says neither direction, or another, is judged by the schema of mail that arrives, which names the word. */
function isOutbound(item: unknown): boolean {
  return typeof item === "object" && item !== null && "direction" in item && item.direction === "outbound";
}

/** Judges each case by the policy. */
export function runCases(policy: MailPolicy, cases: readonly PolicyCase[]): readonly CaseResult[] {
  return cases.map((one) => {
    const differences = one.direction === "outbound" ? judgeOutboundCase(policy, one) : judgeInboundCase(policy, one);
    return { name: one.name, passed: differences.length === 0, differences };
  });
}
