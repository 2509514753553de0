import type { Answer } from "../gate.ts";
import { isRefusal } from "../model/decision.ts";

/** What an answer comes to for whoever handed the message over. */
export type Verdict = "accepted" | "refused" | "deferred";

export function verdictOf(answer: Answer): Verdict {
  if (answer.kind === "deferred" || answer.decision.outcome === "deferred") return "deferred";
  return isRefusal(answer.decision.outcome) ? "refused" : "accepted";
}
