import type { Decision } from "../src/model/decision.ts";
import { makeId } from "../src/model/ids.ts";
import type { Headline, InboundInput } from "../src/model/message.ts";
import type { Trace } from "../src/store/contract.ts";
import type { ActivityDeps } from "./deps.ts";
import { faultOf } from "./failures.ts";
import type { Guarded } from "./guard.ts";
import type { Verified } from "./verify.ts";

/** Of a message that could not be read. */
const NO_HEADLINE: Headline = { subject: "", rfc_message_id: null };

/**
 * One transaction: the decision that is recorded already, or charges, decision, message and audit entry. What it
 * returns is the verdict; what went before was a proposal.
 */
export async function budget(
  deps: ActivityDeps,
  input: InboundInput,
  verified: Verified,
  guarded: Guarded,
  trace: Trace,
): Promise<Decision> {
  const headline = verified.kind === "facts" ? await readHeadline(deps, input) : NO_HEADLINE;
  return deps.store.run("inbound.decide", {
    ...(headline === null ? withheld(guarded) : guarded),
    input,
    facts: verified.kind === "facts" ? verified.facts : null,
    headline: headline ?? NO_HEADLINE,
    trace,
    ...freshNames(deps),
  });
}

// Read here, though verify had it: a step's result stays in the history, where no mail content may be (DESIGN §9.10).
async function readHeadline(deps: ActivityDeps, input: InboundInput): Promise<Headline | null> {
  try {
    return await deps.reader.headline({ tenant: input.tenant, ref: input.ref });
  } catch (error) {
    const fault = faultOf(error);
    if (fault.temporary) throw error;
    deps.onFault({ activity: "budget", code: fault.code, where: fault.where });
    return null;
  }
}

/** What can no longer be read is not delivered (DESIGN §9.4). */
function withheld(guarded: Guarded): Guarded {
  if (guarded.outcome !== "delivered") return guarded;
  return { ...guarded, outcome: "held", reason: "guard_error", judged_at: "verification", capabilities: [], limits: null };
}

/** Time, ids and salt of one decision. Drawn here because the store's operations are pure. */
export function freshNames(deps: Pick<ActivityDeps, "clock" | "random">) {
  return {
    at: deps.clock(),
    decision_id: makeId("dec", deps.random(16)),
    audit_id: makeId("aud", deps.random(16)),
    salt: Buffer.from(deps.random(32)).toString("hex"),
  };
}
