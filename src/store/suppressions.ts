import type { AuditAction } from "../audit/actions.ts";
import { sql } from "kysely";
import { foldRecipient } from "../model/fold.ts";
import type { SuppressionId, TenantId } from "../model/ids.ts";
import { appendAction, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { NewSuppression, SuppressionRow } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { SuppressionsTable } from "./schema.ts";
import { together } from "./together.ts";

export const suppressions = {
  // INVARIANT: one standing row an address; a shorter suppression never shortens a longer one.
  "suppressions.put": {
    kind: "write",
    async run(tx, suppression) {
      const [standing] = await selectStanding(tx.db, { tenant: suppression.tenant, address: suppression.address });
      if (standing?.id === suppression.id) return standing;
      const row = await put(tx, suppression, standing ?? null);
      await append(tx, suppression, row, "suppression.put");
      return row;
    },
  },

  "suppressions.list": {
    kind: "read",
    async run({ db }, args) {
      const size = pageSize(args);
      let query = db
        .selectFrom("suppressions")
        .selectAll()
        .where("tenant", "=", args.tenant)
        .where("ended_at", "is", null)
        .where(({ eb, or }) => or([eb("expires_at", "is", null), eb("expires_at", ">", args.at)]));
      if (args.address !== undefined) query = query.where("address", "=", args.address);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), "<", tuple(at, id as SuppressionId)));
      }
      const rows = await query
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(
        rows,
        size,
        (row) => ({ at: row.created_at, id: row.id }),
        (row) => row,
      );
    },
  },

  // Ending twice keeps the first time.
  "suppressions.end": {
    kind: "write",
    async run(tx, { tenant, id, at, actor, audit_id, salt }) {
      const row = await tx.db.selectFrom("suppressions").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      if (row === undefined || row.ended_at !== null) return row ?? null;
      await tx.db.updateTable("suppressions").set({ ended_at: at }).where("id", "=", id).execute();
      const ended = { ...row, ended_at: at };
      await append(tx, { actor, audit_id, salt, created_at: at }, ended, "suppression.end");
      return ended;
    },
  },
} satisfies OperationsOf<"suppressions">;

const selectStanding = once((db, given: { tenant: TenantId; address: string }) =>
  db
    .selectFrom("suppressions")
    .selectAll()
    .where("tenant", "=", given.tenant)
    .where("address", "=", given.address)
    .where("ended_at", "is", sql.lit(null)),
);

/** Those of `recipients` (as written) that must not be written to at `at`; folded. */
export async function suppressedAmong({ db }: Tx, tenant: TenantId, recipients: readonly string[], at: number): Promise<readonly string[]> {
  const addresses = [...new Set(recipients.map(foldRecipient))];
  const found = await together(addresses.map((address) => selectStanding(db, { tenant, address })));
  return addresses.filter((_, index) => found[index]!.some((standing) => isInForce(standing, at)));
}

function isInForce({ expires_at }: SuppressionRow, at: number): boolean {
  return expires_at === null || expires_at > at;
}

async function put(tx: Tx, suppression: NewSuppression, standing: SuppressionRow | null): Promise<SuppressionRow> {
  const { audit_id: _, salt: __, actor: ___, ...given } = suppression;
  if (standing !== null && isInForce(standing, given.created_at)) return prolong(tx, standing, given);
  // What has run out is history, and stays as it was.
  if (standing !== null)
    await tx.db.updateTable("suppressions").set({ ended_at: standing.expires_at }).where("id", "=", standing.id).execute();
  const row: SuppressionsTable = { ...given, ended_at: null };
  await tx.db.insertInto("suppressions").values(row).execute();
  return row;
}

async function prolong(tx: Tx, standing: SuppressionRow, given: Omit<SuppressionRow, "ended_at">): Promise<SuppressionRow> {
  const { expires_at, reason, source } = given;
  if (standing.expires_at === null || (expires_at !== null && expires_at <= standing.expires_at)) return standing;
  await tx.db.updateTable("suppressions").set({ expires_at, reason, source }).where("id", "=", standing.id).execute();
  return { ...standing, expires_at, reason, source };
}

// The address is somebody's: it goes where it can be erased.
async function append(
  tx: Tx,
  { audit_id: id, salt, actor, created_at: at }: Pick<NewSuppression, "audit_id" | "salt" | "actor" | "created_at">,
  { tenant, id: suppression, reason, source, expires_at, address }: SuppressionRow,
  action: AuditAction,
): Promise<void> {
  await appendAction(tx, {
    id,
    tenant,
    at,
    action,
    actor,
    message: null,
    mailbox: null,
    facts: { suppression, reason, expires_at: expires_at === null ? null : new Date(expires_at).toISOString() },
    details: { address, source },
    salt,
    retentionDays: STANDARD_RETENTION_DAYS,
  });
}
