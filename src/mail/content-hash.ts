import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { MailboxId, TenantId } from "../model/ids.ts";
import type { Recipient } from "../model/outbound.ts";

/** Everything a recipient will see and nothing volatile. */
export interface ApprovedContent {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly envelope_sender: string;
  readonly recipients: readonly Recipient[];
  /** SHA-256 of the finished MIME, hex. */
  readonly mime: string;
}

/** Version of the shape: an approval of one version is none of another. */
const PREFIX = "postern-approval-v1\n";

/** What an approval is for (DESIGN §4.2): SHA-256, hex, of the prefix and the RFC 8785 JSON; recipients in one order. */
export function contentHash({ tenant, mailbox, envelope_sender, recipients, mime }: ApprovedContent): string {
  const sorted = recipients.map(({ kind, address }) => ({ kind, address })).sort(byAddress);
  const json = canonicalize({ tenant, mailbox, envelope_sender, recipients: sorted, mime })!;
  return createHash("sha256").update(PREFIX).update(json).digest("hex");
}

function byAddress(a: Recipient, b: Recipient): number {
  return compare(a.address, b.address) || compare(a.kind, b.kind);
}

/** By UTF-16 units, like the keys of RFC 8785: no locale decides. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
