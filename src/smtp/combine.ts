import type { Judged } from "../intake/judge.ts";
import { type Verdict, verdictOf } from "../intake/verdict.ts";
import { type Reply, replyTo } from "./answers.ts";

/**
 * SMTP has one reply for all recipients of a message (DESIGN §3.6): any deferred, and all are asked to come again, where
 * the decided ones repeat their answer; all refused is a refusal; otherwise the message is accepted, and a recipient
 * that refused it stays without it. INVARIANT: nothing is bounced later, so a refusal among acceptances is told nobody.
 */
export function combine(judged: readonly [Judged, ...Judged[]]): { readonly verdict: Verdict; readonly reply: Reply } {
  const settles = first(judged, "deferred") ?? first(judged, "accepted") ?? judged[0];
  return { verdict: verdictOf(settles.answer), reply: replyTo(settles.answer, settles.message) };
}

function first(judged: readonly Judged[], verdict: Verdict): Judged | undefined {
  return judged.find(({ answer }) => verdictOf(answer) === verdict);
}
