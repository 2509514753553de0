import type { AuditAction } from "../audit/actions.ts";
import type { Actor } from "../model/decision.ts";
import type { DraftId, MailboxId, TenantId } from "../model/ids.ts";
import { appendAction, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { NewAuditEntry } from "./contract.ts";
import type { Fresh, StopChange } from "./contract-outbound.ts";
import { findMailbox } from "./mailboxes.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import type { StopsTable } from "./schema.ts";

/** Drafts that one word stops or lets go are woken, as many as this; the others look again by themselves within minutes. */
const MOST_WOKEN = 10_000;

const MOST_STOPS = 10_000;

export const oversight = {
  // One code at a time: making another takes the first out of the world.
  "oversight.put_code": {
    kind: "write",
    async run(tx, { at, audit_id, salt, ...code }) {
      const { tenant, mailbox, mode, expires_at, actor } = code;
      await tx.db.deleteFrom("mode_codes").where("mailbox", "=", mailbox).where("mode", "=", mode).where("used_at", "is", null).execute();
      await tx.db
        .insertInto("mode_codes")
        .values({ ...code, created_at: at, used_at: null })
        .execute();
      const facts = { mode, expires_at: new Date(expires_at).toISOString() };
      await tell(tx, { audit_id, salt, tenant, mailbox, actor, at }, "mailbox.mode_code_made", facts);
      return null;
    },
  },

  "oversight.stop": {
    kind: "write",
    async run(tx, change) {
      const target = await findTarget(tx, change);
      if (target === null) return null;
      if (await (change.stopped ? addStop(tx, target) : liftStop(tx, target))) {
        const mailbox = target.kind === "mailbox" ? (target.id as MailboxId) : null;
        await tell(tx, { ...change, mailbox }, change.stopped ? "oversight.stopped" : "oversight.resumed", {
          kind: target.kind,
          target: target.id,
        });
      }
      return { drafts: await underWay(tx, target) };
    },
  },

  "oversight.stops": {
    kind: "read",
    async run({ db }, { tenant }) {
      return db
        .selectFrom("stops")
        .select(["kind", "id", "at"])
        .where("tenant", "=", tenant)
        .orderBy("kind")
        .orderBy("id")
        .limit(MOST_STOPS)
        .execute();
    },
  },
} satisfies OperationsOf<"oversight">;

/** Who did it, when, and under which names it is recorded. */
interface Doing extends Fresh {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId | null;
  readonly actor: Actor;
  readonly at: number;
}

async function tell(
  tx: Tx,
  { audit_id: id, salt, tenant, mailbox, actor, at }: Doing,
  action: AuditAction,
  facts: NewAuditEntry["facts"],
  details: NewAuditEntry["details"] = {},
): Promise<void> {
  const retentionDays = STANDARD_RETENTION_DAYS;
  await appendAction(tx, { id, tenant, at, action, actor, message: null, mailbox, facts, details, salt, retentionDays });
}

/** Null: the tenant has no such mailbox or agent. */
async function findTarget(tx: Tx, { tenant, target, at }: StopChange): Promise<StopsTable | null> {
  if ("mailbox" in target) {
    const row = await findMailbox(tx, { tenant, id: target.mailbox });
    return row === null ? null : { tenant, kind: "mailbox", id: row.id, at };
  }
  if ("tenant" in target) return { tenant, kind: "tenant", id: tenant, at };
  const { db } = tx;
  const row = await db.selectFrom("agents").select("id").where("tenant", "=", tenant).where("id", "=", target.agent).executeTakeFirst();
  return row === undefined ? null : { tenant, kind: "agent", id: row.id, at };
}

/** True when it was not stopped before; else the first time stays. */
async function addStop({ db }: Tx, stop: StopsTable): Promise<boolean> {
  const added = await db
    .insertInto("stops")
    .values(stop)
    .onConflict((conflict) => conflict.columns(["tenant", "kind", "id"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return added !== undefined;
}

async function liftStop({ db }: Tx, { tenant, kind, id }: StopsTable): Promise<boolean> {
  const lifted = await db
    .deleteFrom("stops")
    .where("tenant", "=", tenant)
    .where("kind", "=", kind)
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return lifted !== undefined;
}

/** What waits for nobody and has not left: its workflow is to look again. */
async function underWay({ db }: Tx, { tenant, kind, id }: StopsTable): Promise<readonly DraftId[]> {
  let mailboxes = db.selectFrom("mailboxes").select("id").where("tenant", "=", tenant);
  if (kind === "mailbox") mailboxes = mailboxes.where("id", "=", id as MailboxId);
  if (kind === "agent") mailboxes = mailboxes.where("agent_id", "=", id);
  const rows = await db
    .selectFrom("drafts")
    .select("id")
    .where("mailbox", "in", mailboxes)
    .where("state", "in", ["queued", "sending"])
    .limit(MOST_WOKEN)
    .execute();
  return rows.map((row) => row.id);
}
