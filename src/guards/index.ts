import type { Finding } from "../model/finding.ts";
import type { GuardViews } from "../model/guards.ts";
import { contentGuard } from "./content.ts";
import type { ContentPatterns } from "./content.ts";
import type { Guard } from "./guard.ts";
import { headersGuard } from "./headers.ts";
import { hiddenTextGuard } from "./hidden-text.ts";

/**
 * Every guard looks at the message; the policy decides what follows. An exception of one propagates, and the caller
 * holds the message (DESIGN §9.4).
 */
export function runGuards(views: GuardViews, patterns: ContentPatterns): readonly Finding[] {
  const guards: readonly Guard[] = [contentGuard(patterns), hiddenTextGuard, headersGuard];
  return guards.flatMap((guard) => guard.look(views));
}
