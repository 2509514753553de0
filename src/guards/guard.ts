import type { Finding } from "../model/finding.ts";
import type { GuardViews } from "../model/guards.ts";

/**
 * Looks at one message and says what it saw. Pure, synchronous, total for any text, linear in its size. An exception
 * reaches the caller, who holds the message: a guard that could not look is never a guard that saw nothing.
 */
export interface Guard {
  readonly name: string;
  look(views: GuardViews): readonly Finding[];
}
