import type { DraftId, TenantId } from "../model/ids.ts";
import { PosternError } from "../model/errors.ts";
import { foldRecipient } from "../model/fold.ts";
import type { Recipient, RecipientKind, RevisionRef } from "../model/outbound.ts";
import type { RevisionContent, RevisionRow } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import type { DeliveriesTable, DraftsTable, RevisionsTable } from "./schema.ts";

/** More than anybody edits. */
const MOST = 1000;

export const revisions = {
  "revisions.list": {
    kind: "read",
    async run({ db }, { tenant, draft }) {
      const rows = await db
        .selectFrom("revisions")
        .selectAll()
        .where("draft", "=", draft)
        .where("tenant", "=", tenant)
        .orderBy("number")
        .limit(MOST)
        .execute();
      return rows.map(revisionRow);
    },
  },
} satisfies OperationsOf<"revisions">;

/** One version of a draft, on its way into the database. */
export interface NewRevision {
  readonly tenant: TenantId;
  readonly draft: DraftId;
  readonly revision: RevisionRef;
  readonly content: RevisionContent;
  readonly at: number;
}

const insertRevision = once((db, row: RevisionsTable) => db.insertInto("revisions").values(row));

/** Versions are only added; which one counts says the draft's row. What is returned is what reading it finds. */
export async function addRevision(tx: Tx, { tenant, draft, revision, content, at }: NewRevision): Promise<RevisionRow> {
  const row: RevisionsTable = {
    draft,
    number: revision.number,
    tenant,
    author: content.author,
    source_digest: content.source.digest,
    source_size: content.source.size,
    mime_digest: revision.mime.digest,
    mime_size: revision.mime.size,
    content_hash: revision.content_hash,
    envelope_sender: content.envelope_sender,
    recipients_json: JSON.stringify(content.recipients),
    subject: content.subject,
    rfc_message_id: content.rfc_message_id,
    created_at: at,
  };
  await tx.later(insertRevision, row);
  return revisionRow(row);
}

const deleteDue = once((db, given: { draft: DraftId }) =>
  db.deleteFrom("deliveries").where("draft", "=", given.draft).where("state", "in", ["pending", "deferred"]),
);

const selectRecipients = once((db, given: { draft: DraftId }) =>
  db.selectFrom("deliveries").select("recipient").where("draft", "=", given.draft),
);

const insertDelivery = once((db, row: DeliveriesTable) => db.insertInto("deliveries").values(row));

/**
 * One a recipient, nothing tried yet; what an edit leaves out is gone. INVARIANT: who has been given an earlier version, or
 * may have been, or has refused it, is not tried again with a later one.
 */
export async function putDeliveries(tx: Tx, { draft, content, at }: Pick<NewRevision, "draft" | "content" | "at">): Promise<void> {
  await tx.later(deleteDue, { draft });
  const ended = await selectRecipients(tx.db, { draft });
  const tried = new Set(ended.map(({ recipient }) => foldRecipient(recipient)));
  const untried = { draft, state: "pending", attempt: 0, code: null, enhanced: null, reply: null, at } as const;
  for (const { address, kind } of distinct(content.recipients)) {
    if (!tried.has(foldRecipient(address))) await tx.later(insertDelivery, { ...untried, recipient: address, kind });
  }
}

/**
 * Nothing more is tried: what was never tried is gone, what was put off is refused. True when somebody has it already. Only
 * while no attempt is under way and none is of unknown fate.
 */
export async function endDeliveries({ db }: Tx, draft: DraftId, at: number): Promise<boolean> {
  await db.deleteFrom("deliveries").where("draft", "=", draft).where("state", "=", "pending").execute();
  await db.updateTable("deliveries").set({ state: "refused", at }).where("draft", "=", draft).where("state", "=", "deferred").execute();
  const accepted = await db
    .selectFrom("deliveries")
    .select("recipient")
    .where("draft", "=", draft)
    .where("state", "=", "accepted")
    .limit(1)
    .execute();
  return accepted.length > 0;
}

const selectRevision = once((db, given: { draft: DraftId; number: number }) =>
  db.selectFrom("revisions").selectAll().where("draft", "=", given.draft).where("number", "=", given.number),
);

/** The one that counts. */
export async function currentRevision({ db }: Tx, { id, revision }: Pick<DraftsTable, "id" | "revision">): Promise<RevisionRow> {
  const [row] = await selectRevision(db, { draft: id, number: revision });
  if (row === undefined) throw new PosternError("internal", "a draft without its revision");
  return revisionRow(row);
}

const selectHash = once((db, given: { draft: DraftId; number: number }) =>
  db.selectFrom("revisions").select("content_hash").where("draft", "=", given.draft).where("number", "=", given.number),
);

/** Of the draft's current version. */
export async function hashOf({ db }: Tx, { id, revision }: Pick<DraftsTable, "id" | "revision">): Promise<string | null> {
  const [row] = await selectHash(db, { draft: id, number: revision });
  return row?.content_hash ?? null;
}

const KINDS: readonly RecipientKind[] = ["to", "cc", "bcc"];

/** Who is named twice gets one mail, as what shows most of it: To before Cc before Bcc. */
export function distinct(recipients: readonly Recipient[]): readonly Recipient[] {
  const ordered = KINDS.flatMap((kind) => recipients.filter((recipient) => recipient.kind === kind));
  const seen = new Map<string, Recipient>();
  for (const recipient of ordered) {
    const folded = foldRecipient(recipient.address);
    if (!seen.has(folded)) seen.set(folded, recipient);
  }
  return [...seen.values()];
}

export function revisionRow(row: Omit<RevisionsTable, "draft" | "tenant">): RevisionRow {
  return {
    number: row.number,
    content_hash: row.content_hash,
    mime: { digest: row.mime_digest, size: row.mime_size },
    source: { digest: row.source_digest, size: row.source_size },
    author: row.author,
    envelope_sender: row.envelope_sender,
    recipients: JSON.parse(row.recipients_json) as Recipient[],
    subject: row.subject,
    rfc_message_id: row.rfc_message_id,
    created_at: row.created_at,
  };
}
