import type { MailboxId } from "../model/ids.ts";
import type { IdempotencyRow, NewIdempotency } from "./contract-outbound.ts";
import { ENDED } from "./drafts.ts";
import { once } from "./once.ts";
import type { OperationsOf } from "./operation.ts";
import type { IdempotencyTable } from "./schema.ts";

export const idempotency = {
  // INVARIANT (NY-12): whoever comes second gets the first one's draft, whatever it drew itself.
  "idempotency.begin": {
    kind: "write",
    async run(tx, wanted) {
      const [known] = await selectKey(tx.db, wanted);
      if (known !== undefined) return isSame(known, wanted) ? known : { conflict: "payload" };
      const row: IdempotencyRow = { ...wanted, status: null, answer: null };
      await tx.later(insertKey, row);
      return row;
    },
  },

  // What was answered first stays the answer.
  "idempotency.settle": {
    kind: "write",
    async run(tx, given) {
      await tx.later(settle, given);
      return null;
    },
  },

  // Not while there is a draft: the key would then make another one.
  "idempotency.release": {
    kind: "write",
    async run({ db }, { mailbox, key, draft }) {
      await db
        .deleteFrom("idempotency")
        .where("mailbox", "=", mailbox)
        .where("key", "=", key)
        .where("draft", "=", draft)
        .where("status", "is", null)
        .where(({ not, exists, selectFrom }) => not(exists(selectFrom("drafts").select("id").where("id", "=", draft))))
        .execute();
      return null;
    },
  },

  // Unanswered keys without a draft stay: nobody knows what became of them.
  "idempotency.prune": {
    kind: "write",
    async run({ db }, { before, limit }) {
      const rows = await db
        .selectFrom("idempotency")
        .leftJoin("drafts", "drafts.id", "idempotency.draft")
        .select("idempotency.draft")
        .where("idempotency.at", "<", before)
        .where(({ eb, and, or }) =>
          or([eb("drafts.state", "in", ENDED), and([eb("drafts.id", "is", null), eb("idempotency.status", "is not", null)])]),
        )
        .orderBy("idempotency.at")
        .limit(limit)
        .execute();
      for (const { draft } of rows) await removeByDraft(db, { draft });
      return rows.length;
    },
  },
} satisfies OperationsOf<"idempotency">;

function isSame(known: IdempotencyRow, wanted: NewIdempotency): boolean {
  return known.payload_hash === wanted.payload_hash && known.tenant === wanted.tenant;
}

const selectKey = once((db, given: { mailbox: MailboxId; key: string }) =>
  db.selectFrom("idempotency").selectAll().where("mailbox", "=", given.mailbox).where("key", "=", given.key),
);

const insertKey = once((db, row: IdempotencyTable) => db.insertInto("idempotency").values(row));

const settle = once((db, given: { mailbox: MailboxId; key: string; status: number; answer: string }) =>
  db
    .updateTable("idempotency")
    .set({ status: given.status, answer: given.answer })
    .where("mailbox", "=", given.mailbox)
    .where("key", "=", given.key)
    .where("status", "is", null),
);

const removeByDraft = once((db, given: Pick<IdempotencyTable, "draft">) => db.deleteFrom("idempotency").where("draft", "=", given.draft));
