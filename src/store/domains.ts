import type { Id } from "../model/ids.ts";
import { nextEntry } from "./audit.ts";
import { addKey, appendDomain, domainKey, findDomain, keysOf, withKeys } from "./domain-rows.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { DomainsTable } from "./schema.ts";

export const domains = {
  // Whoever claims first has it, within an instance; another learns only that it is taken.
  "domains.claim": {
    kind: "write",
    async run(tx, { tenant, id, domain, at, key, ...by }) {
      const row = await tx.db.selectFrom("domains").selectAll().where("domain", "=", domain).executeTakeFirst();
      if (row !== undefined && row.tenant !== tenant) return { conflict: "domain" };
      const claimed = row ?? (await insert(tx, { id, tenant, domain, state: "unverified", created_at: at, checked_at: null }));
      if (claimed.state === "local") await change(tx, claimed, { state: "unverified" });
      if (row === undefined || row.state === "local") await appendDomain(tx, claimed, "domain.claim", {}, at, by);
      if ((await keysOf(tx, domain)).length === 0) await addKey(tx, claimed, key, "active", at, { ...by, ...nextEntry(by) });
      return (await findDomain(tx, { tenant, domain }))!;
    },
  },

  "domains.get": { kind: "read", until: domainKey, run: findDomain },

  "domains.list": {
    kind: "read",
    async run(tx, args) {
      const size = pageSize(args);
      let query = tx.db.selectFrom("domains").selectAll().where("tenant", "=", args.tenant);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), "<", tuple(at, id as Id<"dom">)));
      }
      const found = await query
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      const rows = [];
      for (const row of found) rows.push(await withKeys(tx, row));
      return toPage(
        rows,
        size,
        (row) => ({ at: row.created_at, id: row.id }),
        (row) => row,
      );
    },
  },

  // `at` is when DNS was looked at; a state that stays as it was is no event.
  "domains.set_state": {
    kind: "write",
    async run(tx, { tenant, domain, state, at, ...by }) {
      const row = await findDomain(tx, { tenant, domain });
      if (row === null) return null;
      await change(tx, row, { state, checked_at: at });
      if (row.state !== state) await appendDomain(tx, row, "domain.state", { from: row.state, to: state }, at, by);
      return { ...row, state, checked_at: at };
    },
  },

  "domains.default": {
    kind: "read",
    async run({ db }, { tenant }) {
      const row = await db
        .selectFrom("domains")
        .select("domain")
        .where("tenant", "=", tenant)
        .orderBy("created_at")
        .orderBy("id")
        .limit(1)
        .executeTakeFirst();
      return row?.domain ?? null;
    },
  },
} satisfies OperationsOf<"domains">;

async function insert(tx: Tx, row: DomainsTable): Promise<DomainsTable> {
  await tx.db.insertInto("domains").values(row).execute();
  tx.touch(domainKey(row));
  return row;
}

async function change(
  tx: Tx,
  { id, domain }: Pick<DomainsTable, "id" | "domain">,
  to: Partial<Pick<DomainsTable, "state" | "checked_at">>,
): Promise<void> {
  await tx.db.updateTable("domains").set(to).where("id", "=", id).execute();
  tx.touch(domainKey({ domain }));
}
