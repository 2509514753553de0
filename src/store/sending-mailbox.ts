import { sql } from "kysely";
import type { KeyId, MailboxId, TenantId } from "../model/ids.ts";
import { MODES, type Mode } from "../model/outbound.ts";
import type { Scope } from "./contract.ts";
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
  db
    .selectFrom("keys")
    .select(["revoked_at", "scopes_json", "mailboxes_json"])
    .where("tenant", "=", given.tenant)
    .where("id", "=", given.id),
);

/**
 * True when no door would take the mailbox's mail from this key (NY-01): revoked, another tenant's, without the scope `send`
 * or bound to other mailboxes. Threat: whoever may start workflows names any key as the author.
 */
export async function isNoAuthor({ db }: Tx, { tenant, mailbox, author: id }: Authorship): Promise<boolean> {
  const [row] = await selectKey(db, { tenant, id });
  if (row === undefined || row.revoked_at !== null) return true;
  const mailboxes = row.mailboxes_json === null ? null : (JSON.parse(row.mailboxes_json) as MailboxId[]);
  return !(JSON.parse(row.scopes_json) as Scope[]).includes("send") || (mailboxes !== null && !mailboxes.includes(mailbox));
}

interface Authorship {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly author: KeyId;
}
