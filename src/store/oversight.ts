import { timingSafeEqual } from "node:crypto";
import type { Actor } from "../model/decision.ts";
import type { DraftId, MailboxId, TenantId } from "../model/ids.ts";
import { isUpward, type Mode } from "../model/outbound.ts";
import { appendAction, nextEntry, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { MailboxRow, NewAuditEntry } from "./contract.ts";
import type { Fresh, ModeChange, StopChange } from "./contract-outbound.ts";
import { findMailbox, mailboxKey } from "./mailboxes.ts";
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

  "oversight.set_mode": {
    kind: "write",
    async run(tx, change) {
      const { tenant, mailbox, mode } = change;
      const row = await findMailbox(tx, { tenant, id: mailbox });
      if (row === null) return null;
      const refused = await refusalOf(tx, change, row);
      if (refused !== null) {
        await tell(tx, change, "mailbox.mode_refused", { old: row.oversight_mode, new: mode, code: refused });
        return { refused };
      }
      const { address = row.oversight_address, ...doing } = change;
      await setMode(tx, doing, row);
      await setAddress(tx, { ...doing, ...nextEntry(doing) }, row, address);
      return { ...row, oversight_mode: mode, oversight_address: address };
    },
  },

  "oversight.set_address": {
    kind: "write",
    async run(tx, { address, ...change }) {
      const row = await findMailbox(tx, { tenant: change.tenant, id: change.mailbox });
      if (row === null) return null;
      if (address === null && row.oversight_mode === "monitored") return { refused: "address_required" };
      await setAddress(tx, change, row, address);
      return { ...row, oversight_address: address };
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

type Refusal = "code_required" | "code_invalid" | "address_required";

async function refusalOf(tx: Tx, change: ModeChange, row: MailboxRow): Promise<Refusal | null> {
  const { mode, code_hash, address = row.oversight_address } = change;
  const up = isUpward(row.oversight_mode, mode);
  if (up && code_hash === null) return "code_required";
  // Before the code is looked at, which is for one use.
  if (mode === "monitored" && address === null) return "address_required";
  return up ? useCode(tx, change) : null;
}

async function setMode(tx: Tx, change: Doing & { readonly mailbox: MailboxId; readonly mode: Mode }, row: MailboxRow): Promise<void> {
  const { mailbox, mode } = change;
  if (row.oversight_mode === mode) return;
  await tx.db.updateTable("mailboxes").set({ oversight_mode: mode }).where("id", "=", mailbox).execute();
  await tell(tx, change, "mailbox.mode_changed", { old: row.oversight_mode, new: mode });
  tx.touch(mailboxKey({ id: mailbox }));
}

async function setAddress(
  tx: Tx,
  change: Doing & { readonly mailbox: MailboxId },
  { oversight_address: old }: MailboxRow,
  address: string | null,
): Promise<void> {
  const { mailbox } = change;
  if (old === address) return;
  await tx.db.updateTable("mailboxes").set({ oversight_address: address }).where("id", "=", mailbox).execute();
  tx.touch(mailboxKey({ id: mailbox }));
  const facts = { had: old !== null, has: address !== null };
  await tell(tx, change, "mailbox.oversight_address_changed", facts, { old, new: address });
}

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
  action: string,
  facts: NewAuditEntry["facts"],
  details: NewAuditEntry["details"] = {},
): Promise<void> {
  const retentionDays = STANDARD_RETENTION_DAYS;
  await appendAction(tx, { id, tenant, at, action, actor, message: null, mailbox, facts, details, salt, retentionDays });
}

/**
 * Null: the code is good for this mailbox and mode, and is used up with that. INVARIANT (MM-28): compared in constant
 * time, so that how long the answer takes tells nothing about a code.
 */
async function useCode({ db }: Tx, { mailbox, mode, code_hash, at }: ModeChange): Promise<"code_required" | "code_invalid" | null> {
  if (code_hash === null) return "code_required";
  const codes = await db
    .selectFrom("mode_codes")
    .select("hash")
    .where("mailbox", "=", mailbox)
    .where("mode", "=", mode)
    .where("used_at", "is", null)
    .where("expires_at", ">", at)
    .execute();
  const code = codes.find(({ hash }) => isEqual(hash, code_hash));
  if (code === undefined) return "code_invalid";
  await db.updateTable("mode_codes").set({ used_at: at }).where("hash", "=", code.hash).execute();
  return null;
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
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
