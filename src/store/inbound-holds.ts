import { insertHold } from "./hold-rows.ts";
import { termsToday } from "./hold-terms.ts";
import type { Tx } from "./operation.ts";
import type { WaitingMessage } from "./released.ts";

/** Inbound mail begins to wait, on today's terms. What people see and decide about are its raw bytes. */
export async function openInboundHold(tx: Tx, { message, held }: WaitingMessage, at: number): Promise<void> {
  const { id, tenant, mailbox, subject, digest, recipient, from_address } = message;
  const { terms } = await termsToday(tx, message, at);
  await insertHold(tx, {
    ...{ id, tenant, mailbox, subject, terms, at },
    direction: "inbound",
    kind: "inbound",
    reason: held.reason,
    revision: 1,
    content_hash: digest,
    author: null,
    to: [recipient],
    from: from_address,
  });
}
