import type { DraftId, TenantId } from "../model/ids.ts";
import type { DraftState } from "../model/outbound.ts";
import type { DeliveryRow, DraftRow, RevisionRow } from "./contract-outbound.ts";
import { once, type Query } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import { addRevision, revisionRow, type NewRevision } from "./revisions.ts";
import type { DeliveriesTable, DraftsTable, RevisionsTable } from "./schema.ts";

export const drafts = {
  "drafts.get": {
    kind: "read",
    until: draftKey,
    run: findDraftRow,
  },

  "drafts.list": {
    kind: "read",
    async run(tx, args) {
      const size = pageSize(args);
      let query = withRevision(tx.db).where("drafts.tenant", "=", args.tenant).where("drafts.mailbox", "=", args.mailbox);
      if (args.state !== undefined) query = query.where("drafts.state", "=", args.state);
      if (args.kind !== undefined) query = query.where("drafts.kind", "=", args.kind);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("drafts.created_at", "drafts.id"), "<", tuple(at, id as DraftId)));
      }
      const rows = await query
        .orderBy("drafts.created_at", "desc")
        .orderBy("drafts.id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(rows, size, (row) => ({ at: row.created_at, id: row.id }), joinedRow);
    },
  },

  "drafts.deliveries": {
    kind: "read",
    async run({ db }, { tenant, draft }) {
      const rows = await db
        .selectFrom("deliveries")
        .innerJoin("drafts", "drafts.id", "deliveries.draft")
        .selectAll("deliveries")
        .where("deliveries.draft", "=", draft)
        .where("drafts.tenant", "=", tenant)
        .orderBy("deliveries.recipient")
        .execute();
      return rows.map(deliveryRow);
    },
  },
} satisfies OperationsOf<"drafts">;

/** States in which nothing more happens by itself, and nothing a person does changes that. */
export const ENDED: readonly DraftState[] = [
  "sent",
  "delivered",
  "bounced",
  "complained",
  "blocked",
  "rejected",
  "expired",
  "cancelled",
  "failed",
];

/** Moves with the draft's row, its revision, deliveries and hold. */
function draftKey({ id }: { readonly id: DraftId }): string {
  return `draft:${id}`;
}

const insertDraft = once((db, row: DraftsTable) => db.insertInto("drafts").values(row));

/** With its first version. Whoever adds it says that it is there (`tellDraft`). */
export async function addDraft(tx: Tx, row: DraftsTable, first: NewRevision): Promise<DraftRow> {
  await insertDraft(tx.db, row);
  return draftRow(row, await addRevision(tx, first));
}

/** The last that is done to a new draft: it is read at once, by whoever submitted it and by what sends it. */
export function tellDraft(tx: Tx, result: DraftRow): void {
  const { tenant, id } = result;
  tx.touch(draftKey(result), { name: "drafts.get", args: { tenant, id }, result });
}

const selectDraft = once((db, given: { tenant: TenantId; id: DraftId }) =>
  db.selectFrom("drafts").selectAll().where("tenant", "=", given.tenant).where("id", "=", given.id),
);

export async function findDraft({ db }: Tx, tenant: TenantId, id: DraftId): Promise<DraftsTable | null> {
  const [row] = await selectDraft(db, { tenant, id });
  return row ?? null;
}

/** What can change about a draft's row. */
type DraftChange = Partial<Pick<DraftsTable, "state" | "reason" | "mode" | "revision" | "round" | "decision">>;

/** With the version it is at. */
export async function findDraftRow({ db }: Tx, { tenant, id }: { tenant: TenantId; id: DraftId }): Promise<DraftRow | null> {
  const [row] = await selectWithRevision(db, { tenant, id });
  return row === undefined ? null : joinedRow(row);
}

/** Every change of a draft's row goes through here, so that whoever watches the draft hears of it. */
export async function changeDraft(tx: Tx, id: DraftId, change: DraftChange, at: number): Promise<void> {
  await updateOf(change)(tx.db, { ...change, updated_at: at, id });
  tx.touch(draftKey({ id }));
}

/** By the columns that change. */
const updates = new Map<string, Query<DraftUpdate, unknown>>();

type DraftUpdate = DraftChange & Pick<DraftsTable, "id" | "updated_at">;

function updateOf(change: DraftChange): Query<DraftUpdate, unknown> {
  const name = Object.keys(change).toSorted().join();
  const known = updates.get(name);
  if (known !== undefined) return known;
  const update = once((db, { id, ...set }: DraftUpdate) => db.updateTable("drafts").set(set).where("id", "=", id));
  updates.set(name, update);
  return update;
}

function withRevision(db: Tx["db"]) {
  return db
    .selectFrom("drafts")
    .innerJoin("revisions", (join) => join.onRef("revisions.draft", "=", "drafts.id").onRef("revisions.number", "=", "drafts.revision"))
    .selectAll("drafts")
    .select([
      "revisions.number",
      "revisions.author as revision_author",
      "revisions.source_digest",
      "revisions.source_size",
      "revisions.mime_digest",
      "revisions.mime_size",
      "revisions.content_hash",
      "revisions.envelope_sender",
      "revisions.recipients_json",
      "revisions.subject",
      "revisions.rfc_message_id",
      "revisions.created_at as revision_at",
    ]);
}

const selectWithRevision = once((db, given: { tenant: TenantId; id: DraftId }) =>
  withRevision(db).where("drafts.tenant", "=", given.tenant).where("drafts.id", "=", given.id),
);

type WithRevision = DraftsTable &
  Omit<RevisionsTable, "draft" | "tenant" | "author" | "created_at"> & {
    readonly revision_author: RevisionsTable["author"];
    readonly revision_at: number;
  };

function joinedRow(row: WithRevision): DraftRow {
  return draftRow(row, revisionRow({ ...row, author: row.revision_author, created_at: row.revision_at }));
}

function draftRow(row: Omit<DraftsTable, "revision">, revision: RevisionRow): DraftRow {
  return {
    id: row.id,
    tenant: row.tenant,
    mailbox: row.mailbox,
    message: row.message,
    thread: row.thread,
    kind: row.kind,
    state: row.state,
    reason: row.reason,
    mode: row.mode,
    author: row.author,
    in_reply_to: row.in_reply_to,
    send_at: row.send_at,
    revision,
    created_at: row.created_at,
    updated_at: row.updated_at,
    decision: row.decision,
  };
}

function deliveryRow({ draft, recipient, state, attempt, code, enhanced, reply, at }: DeliveriesTable): DeliveryRow {
  return { draft, recipient, state, attempt, code, enhanced, reply, at };
}
