import { once } from "./once.ts";
import type { OperationsOf } from "./operation.ts";
import type { ReceiptsTable } from "./schema.ts";

/** A peer that retries for days leaves this many at most in one answer, oldest first. */
const MOST = 1000;

export const receipts = {
  // The id is the caller's, so a repeated call adds nothing.
  "receipts.add": {
    kind: "write",
    async run(tx, receipt) {
      await tx.later(insertReceipt, receipt);
      return null;
    },
  },

  "receipts.list": {
    kind: "read",
    async run({ db }, { tenant, message }) {
      return db
        .selectFrom("receipts")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("message", "=", message)
        .orderBy("at")
        .orderBy("id")
        .limit(MOST)
        .execute();
    },
  },
} satisfies OperationsOf<"receipts">;

const insertReceipt = once((db, row: ReceiptsTable) =>
  db
    .insertInto("receipts")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing()),
);
