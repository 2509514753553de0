import { sql } from "kysely";
import type { KeyId, MailboxId, TenantId } from "../model/ids.ts";
import { MODES, type Mode } from "../model/outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";

/** A mailbox as the outbound path asks for it. */
export interface SendingMailbox {
  readonly agent_id: string;
  readonly mode: Mode;
  readonly address: string;
  readonly oversight_address: string | null;
}

const selectMailbox = once((db, given: { tenant: TenantId; mailbox: MailboxId }) =>
  db
    .selectFrom("mailboxes")
    .innerJoin("addresses", "addresses.mailbox", "mailboxes.id")
    .select(["mailboxes.agent_id", "mailboxes.oversight_mode", "mailboxes.oversight_address", "addresses.address"])
    .where("mailboxes.tenant", "=", given.tenant)
    .where("mailboxes.id", "=", given.mailbox)
    .where("addresses.is_primary", "=", sql.lit(1)),
);

/** Null: not the tenant's. */
export async function findSendingMailbox({ db }: Tx, tenant: TenantId, mailbox: MailboxId): Promise<SendingMailbox | null> {
  const [row] = await selectMailbox(db, { tenant, mailbox });
  if (row === undefined) return null;
  const { oversight_mode, ...rest } = row;
  return { ...rest, mode: modeOf(oversight_mode) };
}

/** What is no mode lets nothing out. */
function modeOf(text: string): Mode {
  return MODES.find((mode) => mode === text) ?? "read_only";
}

const selectKey = once((db, given: { tenant: TenantId; id: KeyId }) =>
  db.selectFrom("keys").select("revoked_at").where("tenant", "=", given.tenant).where("id", "=", given.id),
);

/** True also for a key that the tenant does not have (NY-01). */
export async function isRevoked({ db }: Tx, tenant: TenantId, id: KeyId): Promise<boolean> {
  const [row] = await selectKey(db, { tenant, id });
  return row === undefined || row.revoked_at !== null;
}
