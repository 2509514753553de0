import type { Selectable } from "kysely";
import type { KeyId, MailboxId } from "../model/ids.ts";
import type { KeyRow, Scope } from "./contract.ts";
import { once } from "./once.ts";
import type { OperationsOf } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { KeysTable } from "./schema.ts";

export const keys = {
  "keys.create": {
    kind: "write",
    async run(tx, { hash, scopes, mailboxes, attest = false, ...key }) {
      const row: KeysTable = {
        ...key,
        hash,
        scopes_json: JSON.stringify(scopes),
        mailboxes_json: mailboxes === null ? null : JSON.stringify(mailboxes),
        attest: attest ? 1 : 0,
        revoked_at: null,
      };
      await tx.db.insertInto("keys").values(row).execute();
      tx.touch(nameOf({ hash }));
      return keyRow(row);
    },
  },

  // A revoked key is found too: whoever authorises must look at `revoked_at`, and can then say what happened.
  "keys.find": {
    kind: "read",
    until: nameOf,
    async run({ db }, { hash }) {
      const [row] = await selectByHash(db, { hash });
      return row === undefined ? null : keyRow(row);
    },
  },

  "keys.get": {
    kind: "read",
    async run({ db }, { tenant, id }) {
      const row = await db.selectFrom("keys").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : keyRow(row);
    },
  },

  "keys.list": {
    kind: "read",
    async run({ db }, { tenant, ...args }) {
      const size = pageSize(args);
      let query = db.selectFrom("keys").selectAll().where("tenant", "=", tenant);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), "<", tuple(at, id as KeyId)));
      }
      const rows = await query
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(rows, size, (row) => ({ at: row.created_at, id: row.id }), keyRow);
    },
  },

  "keys.revoke": {
    kind: "write",
    async run(tx, { tenant, id, at }) {
      await tx.db
        .updateTable("keys")
        .set({ revoked_at: at })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .execute();
      const row = await tx.db.selectFrom("keys").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      if (row === undefined) return null;
      tx.touch(nameOf(row));
      return keyRow(row);
    },
  },
} satisfies OperationsOf<"keys">;

/** Moves when a key is made and when it is revoked. */
function nameOf({ hash }: { readonly hash: string }): string {
  return `key:${hash}`;
}

const selectByHash = once((db, given: { hash: string }) => db.selectFrom("keys").selectAll().where("hash", "=", given.hash));

function keyRow(row: Selectable<KeysTable>): KeyRow {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    scopes: JSON.parse(row.scopes_json) as Scope[],
    mailboxes: row.mailboxes_json === null ? null : (JSON.parse(row.mailboxes_json) as MailboxId[]),
    attest: row.attest === 1,
    masked: row.masked,
    created_at: row.created_at,
    revoked_at: row.revoked_at,
  };
}
