import { z } from "@hono/zod-openapi";
import type { HoldAction } from "../model/hold.ts";
import { isId } from "../model/ids.ts";
import { attempt, refuse } from "./attempts.ts";
import type { Caller } from "./auth.ts";
import { createDenialRate } from "./denial-rate.ts";
import type { HttpDeps } from "./deps.ts";
import { pendingStatus, PendingStatus } from "./pending-json.ts";
import { targetOf, type Target } from "./pending-target.ts";
import { notFound } from "./problem.ts";

export const ReasonJson = z
  .string()
  .max(1_000)
  .openapi({ description: "Why; kept beside the audit entry. A rejection needs one.", example: "not before the contract is signed" });
export const HashJson = z.string().max(128).openapi({
  description: "Of what you looked at. Needed once it was edited.",
  example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
});

/** What can be said of something that waits, or whose fate is unknown. */
const ACTIONS = ["approve", "reject", "resend", "settle"] as const;

export const verdictShape = {
  action: z.enum(ACTIONS).openapi({ description: "The last two are for a draft whose fate is unknown." }),
  reason: ReasonJson.optional(),
  content_hash: HashJson.optional(),
  as: z.enum(["sent", "failed"]).optional().openapi({ description: "With `settle`: whether it arrived. Left out: `sent`." }),
};

/** What a person says, as a door reads it. */
export interface Verdict {
  readonly action: (typeof ACTIONS)[number];
  readonly reason?: string | undefined;
  readonly content_hash?: string | undefined;
  readonly as?: "sent" | "failed" | undefined;
}

export const Decided = z
  .object({
    id: z.string(),
    status: PendingStatus.openapi({ description: "Where it is now; it waits on until enough have approved." }),
    approvals: z.int(),
    quorum: z.int(),
    revision: z.int(),
  })
  .openapi("Decided", {
    example: { id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m", status: "approved", approvals: 1, quorum: 1, revision: 1 },
  });

/** One person's word on one thing. Throws what it is refused with; every attempt is recorded (DESIGN §4.4). */
export type Decide = (
  caller: Caller,
  id: string,
  verdict: Verdict,
  /** The mailbox it must be of; null: any the key sees. */
  mailbox: string | null,
) => Promise<z.infer<typeof Decided>>;

export function createDecide(deps: HttpDeps): Decide {
  const rate = createDenialRate(deps.clock);
  return async (caller, id, verdict, mailbox) => {
    const [action, content_hash] = [actionOf(verdict), verdict.content_hash ?? null];
    const target = await targetOf(deps, caller, id);
    if (target === null || (mailbox !== null && target.mailbox !== mailbox)) {
      rate(caller.key.id);
      // INVARIANT: recorded with whoever asked, never with whom it belongs to.
      throw isId("drf", id) || isId("msg", id)
        ? await refuse(deps, caller, { hold: id, action, content_hash }, "not_found")
        : notFound("draft or message that waits");
    }
    const { hold, direction } = target;
    const refusal = refusalOf(caller, target);
    if (refusal !== null) {
      rate(caller.key.id);
      throw await refuse(deps, caller, { hold, action, content_hash }, refusal);
    }
    const wanted = { hold, mailbox: target.mailbox, action, reason: verdict.reason ?? null, content_hash };
    const { status, approvals, quorum, revision } = await attempt(deps, caller, wanted);
    return { id: hold, status: pendingStatus(status, direction), approvals, quorum, revision };
  };
}

export function actionOf({ action, as }: Pick<Verdict, "action" | "as">): HoldAction {
  return action === "settle" && as === "failed" ? "settle_failed" : action;
}

/** What needs no workflow to be told: an agent that tries in a loop must not fill a history. */
function refusalOf({ key }: Caller, { author, open }: Target): "own_draft" | "not_an_approver" | "already_decided" | null {
  const decides = key.scopes.includes("oversight") || key.scopes.includes("admin");
  if (!decides) return key.id === author ? "own_draft" : "not_an_approver";
  return open ? null : "already_decided";
}
