import { timingSafeEqual } from "node:crypto";
import type { MailboxId } from "../model/ids.ts";
import { isUpward, type Mode } from "../model/outbound.ts";
import { nextEntry } from "./audit.ts";
import { tell } from "./channel-audit.ts";
import { setChannels, unfitChannel } from "./channels.ts";
import type { MailboxRow, NewAuditEntry } from "./contract.ts";
import type { Doing } from "./contract-channels.ts";
import type { MailboxChange, ModeRefusal } from "./contract-outbound.ts";
import { findMailbox, mailboxKey } from "./mailboxes.ts";
import type { OperationsOf, Tx } from "./operation.ts";

export const mailboxChange = {
  "mailboxes.change": {
    kind: "write",
    async run(tx, change) {
      const { tenant, mailbox, mode, address, channels } = change;
      const row = await findMailbox(tx, { tenant, id: mailbox });
      if (row === null) return null;
      // Before the code is looked at, which is for one use.
      const unfit = await unfitChannel(tx, { tenant, mailbox, channels: channels ?? [] });
      if (unfit !== null) return unfit;
      const refused = await refusalOf(tx, change, row);
      if (refused !== null) return { refused };
      const entries = entriesFrom(change);
      if (mode !== undefined) await setMode(tx, change, row, mode, entries());
      if (address !== undefined) await setAddress(tx, change, row, address, entries());
      if (channels !== undefined) await setChannels(tx, { tenant, mailbox, had: row.channels, channels }, entries());
      return (await findMailbox(tx, { tenant, id: mailbox }))!;
    },
  },
} satisfies Pick<OperationsOf<"mailboxes">, "mailboxes.change">;

/** Names for one entry after another. */
function entriesFrom({ actor, at, audit_id, salt }: Doing): () => Doing {
  let fresh = { audit_id, salt };
  return () => {
    const now = fresh;
    fresh = nextEntry(now);
    return { actor, at, ...now };
  };
}

/** Null: nothing speaks against mode and address, and the code, if one was needed, is used up. A refused mode is audited. */
async function refusalOf(tx: Tx, change: MailboxChange, row: MailboxRow): Promise<ModeRefusal | null> {
  const { tenant, mode, address } = change;
  if (mode === undefined) return address === undefined ? null : lacksOverseer(row.oversight_mode, change, row);
  const refused = await modeRefusal(tx, { ...change, mode }, row);
  if (refused !== null) {
    const facts = { old: row.oversight_mode, new: mode, code: refused };
    await tell(tx, tenant, change, { action: "mailbox.mode_refused", mailbox: row.id, facts });
  }
  return refused;
}

async function modeRefusal(tx: Tx, change: MailboxChange & { readonly mode: Mode }, row: MailboxRow): Promise<ModeRefusal | null> {
  const { mode, code_hash = null } = change;
  const up = isUpward(row.oversight_mode, mode);
  if (up && code_hash === null) return "code_required";
  // Before the code is looked at, which is for one use.
  return lacksOverseer(mode, change, row) ?? (up && code_hash !== null ? useCode(tx, change, mode, code_hash) : null);
}

/** MM-05: a copy that nobody gets would be none. */
function lacksOverseer(mode: Mode, { address }: MailboxChange, { oversight_address }: MailboxRow): "address_required" | null {
  const overseer = address === undefined ? oversight_address : address;
  return mode === "monitored" && overseer === null ? "address_required" : null;
}

interface Place {
  readonly tenant: MailboxChange["tenant"];
  readonly mailbox: MailboxId;
}

async function setMode(tx: Tx, { tenant, mailbox }: Place, { oversight_mode: old }: MailboxRow, mode: Mode, by: Doing): Promise<void> {
  if (old === mode) return;
  await tx.db.updateTable("mailboxes").set({ oversight_mode: mode }).where("id", "=", mailbox).execute();
  tx.touch(mailboxKey({ id: mailbox }));
  await tell(tx, tenant, by, { action: "mailbox.mode_changed", mailbox, facts: { old, new: mode } });
}

async function setAddress(
  tx: Tx,
  { tenant, mailbox }: Place,
  { oversight_address: old }: MailboxRow,
  address: string | null,
  by: Doing,
): Promise<void> {
  if (old === address) return;
  await tx.db.updateTable("mailboxes").set({ oversight_address: address }).where("id", "=", mailbox).execute();
  tx.touch(mailboxKey({ id: mailbox }));
  const facts: NewAuditEntry["facts"] = { had: old !== null, has: address !== null };
  await tell(tx, tenant, by, { action: "mailbox.oversight_address_changed", mailbox, facts, details: { old, new: address } });
}

/**
 * Null: the code is good for this mailbox and mode, and is used up with that. INVARIANT (MM-28): compared in constant
 * time, so that how long the answer takes tells nothing about a code.
 */
async function useCode({ db }: Tx, { mailbox, at }: MailboxChange, mode: Mode, code_hash: string): Promise<"code_invalid" | null> {
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
