import { endOfRun } from "./alphabet.ts";
import { isAlphanumeric, type Joined } from "./lines.ts";
import type { Sighting } from "./sighting.ts";
import { PREFIXES, type TokenRule } from "./token-rules.ts";

const RULES: ReadonlyMap<string, TokenRule> = new Map(PREFIXES);

/** Literals without quantifiers, the longest first: linear. */
const PREFIX = new RegExp(PREFIXES.map(([prefix]) => prefix.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("|"), "g");

/** Keys and tokens that name their maker. */
export function* seeTokens(joined: Joined): Generator<Sighting> {
  const { text } = joined;
  const read = new Map<TokenRule, number>();
  for (const { 0: prefix, index } of text.matchAll(PREFIX)) {
    const rule = RULES.get(prefix);
    // A body is read once by each rule, or lines of prefixes would be read over and over.
    const start = rule === undefined || index < (read.get(rule) ?? 0) ? null : startOf(joined, rule, index);
    if (rule === undefined || start === null) continue;
    const body = index + prefix.length;
    // The next line belongs to it only while something is missing.
    const end = Math.min(endOfRun(text, body, rule.alphabet, rule.most ?? rule.least), joined.nextSeam(body + rule.least));
    if (end - body < rule.least || (rule.most === undefined && goesOn(joined, end))) continue;
    read.set(rule, end);
    const severity = rule.judge(text.slice(body, end));
    if (severity !== null) yield { code: rule.code, severity, start, end };
  }
}

function goesOn(joined: Joined, end: number): boolean {
  return isAlphanumeric(joined.text, end) && !joined.isSeam(end);
}

/** Where it begins; null in the middle of a word, which begins with something else. */
function startOf(joined: Joined, { before }: TokenRule, at: number): number | null {
  const { text } = joined;
  if (before === undefined) return joined.isSeam(at) || !isAlphanumeric(text, at - 1) ? at : null;
  const start = at - before.least;
  return start >= 0 && endOfRun(text, start, before.alphabet, before.least) === at ? start : null;
}
