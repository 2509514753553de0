import { DEFAULT_POLICY } from "../policies/define.ts";
import { evaluateInbound, type InboundVerdict } from "../policies/inbound.ts";
import type { MailPolicy } from "../policies/schema.ts";
import type { PolicyPin } from "../src/model/decision.ts";
import type { Finding } from "../src/model/finding.ts";
import type { InboundInput, MessageFacts } from "../src/model/message.ts";
import type { ActivityDeps } from "./deps.ts";
import { failedOn, faultOf, type Fault } from "./failures.ts";
import { policyInForce } from "./policy.ts";
import type { Verified } from "./verify.ts";

/** What the policy says so far, and which version of it. */
export interface Guarded extends InboundVerdict {
  readonly policy: PolicyPin;
  readonly findings: readonly Finding[];
}

/** Sender rule, its verification, loops, content guards; the content is only looked at when everything before admits. */
export async function guard(deps: ActivityDeps, input: InboundInput, verified: Verified): Promise<Guarded> {
  const { pin, policy } = await policyInForce(deps.store, input);
  const findings: readonly Finding[] = [];
  // INVARIANT (DESIGN §9.4): what cannot be judged is held.
  if (policy === null) {
    deps.onFault({ activity: "guard", code: "invalid_policy", where: pin.id });
    return { ...undecided(DEFAULT_POLICY, { outcome: "held", reason: "guard_error" }), policy: pin, findings };
  }
  switch (verified.kind) {
    case "deferred":
      return { ...undecided(policy, { outcome: "deferred", reason: verified.reason }), policy: pin, findings };
    case "failed":
      return { ...undecided(policy, { outcome: "held", reason: "guard_error" }), policy: pin, findings };
    case "facts":
      return { ...(await look(deps, input, policy, verified.facts, pin.digest)), policy: pin };
    default:
      return verified satisfies never;
  }
}

async function look(deps: ActivityDeps, input: InboundInput, policy: MailPolicy, facts: MessageFacts, digest: string) {
  const senderFacts = { ...facts, lists: [] };
  const bySender = evaluateInbound(policy, senderFacts, []);
  if (bySender.outcome !== "delivered") return { ...bySender, findings: [] };
  const findings = await scan(deps, input, policy, digest);
  // INVARIANT (DESIGN §9.4): a guard that failed holds the message, it never lets it pass.
  if ("code" in findings) return { ...undecided(policy, failedOn(findings)), rule_index: bySender.rule_index, findings: [] };
  return { ...evaluateInbound(policy, senderFacts, findings), findings };
}

async function scan(deps: ActivityDeps, input: InboundInput, policy: MailPolicy, digest: string): Promise<readonly Finding[] | Fault> {
  const guards = policy.contentGuards.map(({ reject, in: places }) => ({ pattern: reject, in: places }));
  try {
    return await deps.reader.scan({ tenant: input.tenant, ref: input.ref }, { digest, guards });
  } catch (error) {
    const fault = faultOf(error);
    if (fault.temporary) throw error;
    deps.onFault({ activity: "guard", code: fault.code, where: fault.where });
    return fault;
  }
}

function undecided(policy: MailPolicy, why: Pick<InboundVerdict, "outcome" | "reason">): InboundVerdict {
  return { ...why, judged_at: "verification", rule_index: null, capabilities: [], limits: null, audit: policy.auditLog };
}
