import { domainOf, foldRecipient } from "../model/fold.ts";
import type { MailboxId } from "../model/ids.ts";
import type { RevisionRow } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { ContactsTable, DraftsTable, MessagesTable } from "./schema.ts";
import { joinThread } from "./threads.ts";

/**
 * What the mailbox knows of mail from the moment it may leave: its row, so that a reply threads and an echo is told; those
 * it goes to in its thread; their domains among those written to (NY-21).
 */
export async function addSent(tx: Tx, draft: DraftsTable, revision: RevisionRow, recipients: readonly string[], at: number): Promise<void> {
  await upsertMessage(tx.db, messageRow(draft, revision, at));
  for (const recipient of recipients) {
    const address = foldRecipient(recipient);
    await joinThread(tx, draft.thread, address);
    await addContact(tx, draft.mailbox, domainOf(address), at);
  }
}

// Sent again after an edit, it is the later version that replies will name.
const upsertMessage = once((db, row: MessagesTable) =>
  db
    .insertInto("messages")
    .values(row)
    .onConflict((conflict) =>
      conflict.column("id").doUpdateSet({
        digest: row.digest,
        size: row.size,
        recipient: row.recipient,
        subject: row.subject,
        rfc_message_id: row.rfc_message_id,
      }),
    ),
);

function messageRow(draft: DraftsTable, revision: RevisionRow, at: number): MessagesTable {
  return {
    id: draft.message,
    tenant: draft.tenant,
    mailbox: draft.mailbox,
    direction: "outbound",
    source: null,
    injection_score: null,
    thread: draft.thread,
    outcome: "sent",
    digest: revision.mime.digest,
    size: revision.mime.size,
    keeps_raw: 1,
    from_address: revision.envelope_sender,
    sender: foldRecipient(revision.envelope_sender),
    verified: 1,
    envelope_sender: revision.envelope_sender,
    recipient: revision.recipients[0]?.address ?? "",
    subject: revision.subject,
    rfc_message_id: revision.rfc_message_id,
    automatic: 0,
    facts_json: null,
    capabilities_json: "[]",
    tokens_reserved: 0,
    tokens_consumed: null,
    settled_at: null,
    received_at: at,
    delivery_seq: null,
    retention_days: draft.retention_days,
    draft: draft.id,
  };
}

const insertContact = once((db, row: ContactsTable) =>
  db
    .insertInto("contacts")
    .values(row)
    .onConflict((conflict) => conflict.columns(["mailbox", "domain"]).doNothing()),
);

async function addContact({ db }: Tx, mailbox: MailboxId, domain: string, at: number): Promise<void> {
  await insertContact(db, { mailbox, domain, first_at: at });
}
