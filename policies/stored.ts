import type { PolicyPin } from "../src/model/decision.ts";
import { PosternError } from "../src/model/errors.ts";
import { DEFAULT_POLICY } from "./define.ts";
import { parsePolicy, policyDigest } from "./load.ts";
import type { MailPolicy } from "./schema.ts";

/** Names `DEFAULT_POLICY` in decisions about mailboxes that have no policy. */
export const NO_POLICY: PolicyPin = { id: "pol_0000000000000000", version: 0, digest: policyDigest(DEFAULT_POLICY) };

const KEPT = 256;
const parsed = new Map<string, MailPolicy>();

/**
 * A stored document as policy; null when this code cannot read it, e.g. after going back to an older release. Documents
 * are immutable and named by digest, so parsing one twice would give the same.
 */
export function readStored(digest: string, document: string): MailPolicy | null {
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
