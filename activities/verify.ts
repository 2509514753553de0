import { matchSender } from "../policies/senders.ts";
import type { Authentication } from "../src/mail/reader.ts";
import { UNVERIFIED, type InboundInput, type MessageFacts, type Verification } from "../src/model/message.ts";
import type { ActivityDeps } from "./deps.ts";
import { failedOn, faultOf, type Fault } from "./failures.ts";
import { policyInForce } from "./policy.ts";

/**
 * Facts of one message, or why there are none: DNS is silent for now, its bytes are gone, or the message could not be read
 * (a fault: it is held).
 */
export type Verified =
  | { readonly kind: "facts"; readonly facts: MessageFacts }
  | { readonly kind: "deferred"; readonly reason: "dns_unavailable" | "raw_missing" }
  | { readonly kind: "failed" };

/** Authenticates, resolves the identity, finds the thread and looks for loops. */
export async function verify(deps: ActivityDeps, input: InboundInput): Promise<Verified> {
  const authentication = await authenticate(deps, input);
  if ("code" in authentication) return withoutFacts(authentication);
  if (authentication.temporary && (await isNamed(deps, input, authentication))) return { kind: "deferred", reason: "dns_unavailable" };
  return { kind: "facts", facts: await place(deps, input, authentication) };
}

function withoutFacts(fault: Fault): Verified {
  const { outcome, reason } = failedOn(fault);
  return outcome === "deferred" ? { kind: "deferred", reason } : { kind: "failed" };
}

/** Whom no rule names is judged whatever DNS would say: a stranger's silent name servers must not bring retries for days. */
async function isNamed(deps: ActivityDeps, input: InboundInput, { identity }: Authentication): Promise<boolean> {
  if (identity.kind !== "sender") return false;
  const { policy } = await policyInForce(deps.store, input);
  return policy !== null && matchSender(policy, identity.address, []) !== null;
}

async function authenticate(deps: ActivityDeps, input: InboundInput): Promise<Authentication | Fault> {
  try {
    return await deps.reader.authenticate({ tenant: input.tenant, ref: input.ref }, input.envelope, knownBefore(input));
  } catch (error) {
    const fault = faultOf(error);
    if (fault.temporary) throw error;
    deps.onFault({ activity: "verify", code: fault.code, where: fault.where });
    return fault;
  }
}

/** We composed it: there is no client and no signature to look for, and From is only what was named. */
function knownBefore({ source, attested }: InboundInput): Verification | undefined {
  return source === "parsed" ? (attested ?? UNVERIFIED) : undefined;
}

async function place(deps: ActivityDeps, input: InboundInput, seen: Authentication): Promise<MessageFacts> {
  const { identity, verification, automatic, rfc_message_id, body_sha256, tokens } = seen;
  const { thread, loop } = await deps.store.run("threads.resolve", {
    tenant: input.tenant,
    mailbox: input.mailbox,
    message: input.message,
    references: seen.references,
    rfc_message_id,
    sender: identity.kind === "sender" ? identity.address : null,
    verified: identity.kind === "sender" && identity.verified,
    automatic,
    at: deps.clock(),
    caps: deps.loopCaps,
  });
  return { identity, verification, automatic, thread, loop, body_sha256, tokens };
}
