import { DEFAULT_POLICY } from "../policies/define.ts";
import type { MailPolicy } from "../policies/schema.ts";
import { NO_POLICY, readStored } from "../policies/stored.ts";
import type { PolicyPin } from "../src/model/decision.ts";
import type { InboundInput } from "../src/model/message.ts";
import type { Store } from "../src/store/contract.ts";

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
  return { pin: { id, version, digest }, policy: readStored(digest, row.document) };
}
