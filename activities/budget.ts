import type { Judged } from "../src/model/channel.ts";
import { makeId } from "../src/model/ids.ts";
import type { Headline, InboundInput } from "../src/model/message.ts";
import type { Trace } from "../src/store/contract.ts";
import type { ActivityDeps } from "./deps.ts";
import { failedOn, faultOf, type Fault } from "./failures.ts";
import type { Guarded } from "./guard.ts";
import type { Verified } from "./verify.ts";

/** Of a message that could not be read. */
const NO_HEADLINE: Headline = { subject: "", rfc_message_id: null };

/**
 * One transaction: the decision that is recorded already, or charges, decision, message and audit entry. What it
 * returns is the verdict; what went before was a proposal.
 */
export async function budget(deps: ActivityDeps, input: InboundInput, verified: Verified, guarded: Guarded, trace: Trace): Promise<Judged> {
  const headline = verified.kind === "facts" ? await readHeadline(deps, input) : NO_HEADLINE;
  return deps.store.run("inbound.decide", {
    ...("code" in headline ? withheld(guarded, headline) : guarded),
    input,
    facts: verified.kind === "facts" ? verified.facts : null,
    headline: "code" in headline ? NO_HEADLINE : headline,
    trace,
    ...freshNames(deps),
  });
}

// Read here, though verify had it: a step's result stays in the history, where no mail content may be (DESIGN §9.10).
async function readHeadline(deps: ActivityDeps, input: InboundInput): Promise<Headline | Fault> {
  try {
    return await deps.reader.headline({ tenant: input.tenant, ref: input.ref });
  } catch (error) {
    const fault = faultOf(error);
    if (fault.temporary) throw error;
    deps.onFault({ activity: "budget", code: fault.code, where: fault.where });
    return fault;
  }
}

/** What can no longer be read is not delivered (DESIGN §9.4), what is gone is not accepted; a refusal needs no bytes. */
function withheld(guarded: Guarded, fault: Fault): Guarded {
  const failed = failedOn(fault);
  const stands = failed.outcome === "deferred" ? !needsBytes(guarded) : guarded.outcome !== "delivered";
  return stands ? guarded : { ...guarded, ...failed, judged_at: "verification", capabilities: [], limits: null };
}

function needsBytes({ outcome }: Guarded): boolean {
  return outcome === "delivered" || outcome === "held" || outcome === "quarantined";
}

/** Time, ids and salt of one decision. Drawn here because the store's operations are pure. */
export function freshNames(deps: Pick<ActivityDeps, "clock" | "random">) {
  const drawn = Buffer.from(deps.random(64));
  return {
    at: deps.clock(),
    decision_id: makeId("dec", drawn.subarray(0, 16)),
    audit_id: makeId("aud", drawn.subarray(16, 32)),
    salt: drawn.toString("hex", 32),
  };
}
