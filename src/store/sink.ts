import type { Id, TenantId } from "../model/ids.ts";
import type { SinkRow } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { OperationsOf } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { SinkTable } from "./schema.ts";

export const sink = {
  // The id is the attempt's own, so a repeated call adds nothing.
  "sink.put": {
    kind: "write",
    async run({ db }, { recipients, message, ...row }) {
      const recipients_json = JSON.stringify(recipients);
      await insertMail(db, { ...row, recipients_json, digest: message.digest, size: message.size });
      return null;
    },
  },

  "sink.list": {
    kind: "read",
    async run({ db }, args) {
      const size = pageSize(args);
      let query = db.selectFrom("sink").selectAll().where("tenant", "=", args.tenant);
      if (args.mailbox !== undefined) query = query.where("mailbox", "=", args.mailbox);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("at", "id"), "<", tuple(at, id as Id<"snk">)));
      }
      const rows = await query
        .orderBy("at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(rows, size, (row) => row, sinkRow);
    },
  },

  "sink.get": {
    kind: "read",
    async run({ db }, { tenant, id }) {
      const [row] = await selectMail(db, { tenant, id });
      return row === undefined ? null : sinkRow(row);
    },
  },
} satisfies OperationsOf<"sink">;

const insertMail = once((db, row: SinkTable) =>
  db
    .insertInto("sink")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing()),
);

const selectMail = once((db, given: { tenant: TenantId; id: Id<"snk"> }) =>
  db.selectFrom("sink").selectAll().where("tenant", "=", given.tenant).where("id", "=", given.id),
);

function sinkRow({ recipients_json, digest, size, ...row }: SinkTable): SinkRow {
  return { ...row, recipients: JSON.parse(recipients_json) as string[], message: { digest, size } };
}
