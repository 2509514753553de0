import type { Decision } from "../src/model/decision.ts";
import { makeId } from "../src/model/ids.ts";
import type { InboundInput } from "../src/model/message.ts";
import type { Trace } from "../src/store/contract.ts";
import type { ActivityDeps } from "./deps.ts";
import type { Guarded } from "./guard.ts";
import type { Verified } from "./verify.ts";

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
  return deps.store.run("inbound.decide", {
    ...guarded,
    input,
    facts: verified.kind === "facts" ? verified.facts : null,
    trace,
    ...freshNames(deps),
  });
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
