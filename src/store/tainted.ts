import { sql } from "kysely";
import type { MailboxId, ThreadId } from "../model/ids.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";

// The condition is the partial index's own, in the same words.
const selectTainting = once((db, given: { mailbox: MailboxId; thread: ThreadId }) =>
  db
    .selectFrom("messages")
    .select("id")
    .where("mailbox", "=", given.mailbox)
    .where("thread", "=", given.thread)
    .where(sql<boolean>`(verified = 0 or outcome = 'quarantined')`)
    .limit(1),
);

/** DESIGN §4.6: the thread holds a quarantined or unauthenticated message. */
export async function isTainted(
  { db }: Tx,
  { mailbox, thread }: { readonly mailbox: MailboxId; readonly thread: ThreadId },
): Promise<boolean> {
  return (await selectTainting(db, { mailbox, thread })).length > 0;
}
