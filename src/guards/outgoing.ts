import type { Finding } from "../model/finding.ts";
import type { GuardViews } from "../model/guards.ts";
import type { Guard } from "./guard.ts";
import { secretsGuard } from "./secrets.ts";

const GUARDS: readonly Guard[] = [secretsGuard];

/**
 * Every guard of mail that leaves looks at it; the policy decides what follows. An exception of one propagates, and the
 * caller holds the draft (DESIGN §9.4).
 */
export function scanOutgoing(views: GuardViews): readonly Finding[] {
  return GUARDS.flatMap((guard) => guard.look(views));
}
