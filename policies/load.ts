import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { MAX_DOCUMENT, readPolicy } from "./define.ts";
import type { PolicyOptions } from "./define.ts";
import { parseText } from "./document.ts";
import type { TextFormat } from "./document.ts";
import type { MailPolicy } from "./schema.ts";

export { warnings } from "./warnings.ts";

/**
 * A policy from text. The inverse of `formatPolicy`: `parsePolicy(formatPolicy(p), "json")` equals `p`.
 *
 * Throws `PosternError` `invalid_policy`: with every problem of the document at once, or with the place where the text
 * is not YAML or JSON. Hostile text is bounded: 1 MiB, no alias bombs, no depth that could exhaust the stack.
 */
export function parsePolicy(text: string, format: TextFormat, options: PolicyOptions = {}): MailPolicy {
  return readPolicy(parseText(text, format), options);
}

/** The document as JSON, every default written out: for people with two spaces, where that still fits the bound. */
export function formatPolicy(policy: MailPolicy): string {
  const pretty = `${JSON.stringify(policy, null, 2)}\n`;
  return Buffer.byteLength(pretty) <= MAX_DOCUMENT ? pretty : JSON.stringify(policy);
}

/** SHA-256 of the normal form as RFC 8785 JSON, lower-case hex. Names the policy in decisions. */
export function policyDigest(policy: MailPolicy): string {
  return createHash("sha256")
    .update(canonicalize(policy) ?? "")
    .digest("hex");
}
