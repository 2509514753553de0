import { DEFAULT_POLICY } from "../policies/define.ts";
import { parsePolicy, policyDigest } from "../policies/load.ts";
import type { MailPolicy } from "../policies/schema.ts";
import type { PolicyPin } from "../src/model/decision.ts";
import { PosternError } from "../src/model/errors.ts";
import type { InboundInput } from "../src/model/message.ts";
import type { Store } from "../src/store/contract.ts";

const KEPT = 256;
const parsed = new Map<string, MailPolicy>();

/** A mailbox without a policy refuses everybody. */
const NO_POLICY: PolicyPin = { id: "pol_0000000000000000", version: 0, digest: policyDigest(DEFAULT_POLICY) };

/**
 * The newest version, read for every message: a new one applies to the next message without a restart (MB-01). `policy` is
 * null when this code cannot read the stored document, e.g. after going back to an older release.
 */
export async function policyInForce(
  store: Store,
  { tenant, mailbox }: Pick<InboundInput, "tenant" | "mailbox">,
): Promise<{ pin: PolicyPin; policy: MailPolicy | null }> {
  const row = await store.run("policies.current", { tenant, mailbox });
  if (row === null) return { pin: NO_POLICY, policy: DEFAULT_POLICY };
  const { id, version, digest } = row;
  return { pin: { id, version, digest }, policy: parse(digest, row.document) };
}

// Documents are immutable and named by digest, so parsing one twice would give the same.
function parse(digest: string, document: string): MailPolicy | null {
  const known = parsed.get(digest);
  if (known !== undefined) return known;
  const policy = read(document);
  if (policy === null) return null;
  if (parsed.size >= KEPT) parsed.delete(parsed.keys().next().value as string);
  parsed.set(digest, policy);
  return policy;
}

function read(document: string): MailPolicy | null {
  try {
    return parsePolicy(document, "json");
  } catch (error) {
    if (error instanceof PosternError && error.code === "invalid_policy") return null;
    throw error;
  }
}
