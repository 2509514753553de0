import { DEFAULT_POLICY } from "../policies/define.ts";
import { parsePolicy, policyDigest } from "../policies/load.ts";
import type { MailPolicy } from "../policies/schema.ts";
import type { PolicyPin } from "../src/model/decision.ts";
import type { InboundInput } from "../src/model/message.ts";
import type { Store } from "../src/store/contract.ts";

const KEPT = 256;
const parsed = new Map<string, MailPolicy>();

/** A mailbox without a policy refuses everybody. */
const NO_POLICY: PolicyPin = { id: "pol_0000000000000000", version: 0, digest: policyDigest(DEFAULT_POLICY) };

/** The newest version, read for every message: a new one applies to the next message without a restart (MB-01). */
export async function policyInForce(
  store: Store,
  { tenant, mailbox }: Pick<InboundInput, "tenant" | "mailbox">,
): Promise<{ pin: PolicyPin; policy: MailPolicy }> {
  const row = await store.run("policies.current", { tenant, mailbox });
  if (row === null) return { pin: NO_POLICY, policy: DEFAULT_POLICY };
  const { id, version, digest } = row;
  return { pin: { id, version, digest }, policy: parse(digest, row.document) };
}

// Documents are immutable and named by digest, so parsing one twice would give the same.
function parse(digest: string, document: string): MailPolicy {
  const known = parsed.get(digest);
  if (known !== undefined) return known;
  const policy = parsePolicy(document, "json");
  if (parsed.size >= KEPT) parsed.delete(parsed.keys().next().value as string);
  parsed.set(digest, policy);
  return policy;
}
