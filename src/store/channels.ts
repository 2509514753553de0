import { channelKey, type Channel } from "../model/channel.ts";
import type { KeyId, MailboxId, TenantId } from "../model/ids.ts";
import { tell } from "./channel-audit.ts";
import type { ChannelRefusal, Doing, UnfitChannel } from "./contract-channels.ts";
import type { Tx } from "./operation.ts";

/** What keeps these from being the mailbox's channels; null: nothing. */
export async function unfitChannel(
  tx: Tx,
  { tenant, mailbox, channels }: { readonly tenant: TenantId; readonly mailbox: MailboxId; readonly channels: readonly Channel[] },
): Promise<UnfitChannel | null> {
  for (const [index, channel] of channels.entries()) {
    const refused = await refusal(tx, tenant, mailbox, channel);
    if (refused !== null) return { refused, channel: index };
  }
  return null;
}

async function refusal({ db }: Tx, tenant: TenantId, mailbox: MailboxId, channel: Channel): Promise<ChannelRefusal | null> {
  if (channel.kind === "webhook") {
    const { webhook_id: id } = channel;
    const known = await db.selectFrom("webhooks").select("id").where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
    return known === undefined ? "webhook_unknown" : null;
  }
  return channel.key_id === undefined || (await maySend(db, tenant, mailbox, channel.key_id)) ? null : "key_unfit";
}

/** A living key with the scope `send` that sees the mailbox. Looked at again when the workflow sends. */
async function maySend(db: Tx["db"], tenant: TenantId, mailbox: MailboxId, id: KeyId): Promise<boolean> {
  const key = await db
    .selectFrom("keys")
    .select(["scopes_json", "mailboxes_json"])
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  if (key === undefined || !(JSON.parse(key.scopes_json) as string[]).includes("send")) return false;
  return key.mailboxes_json === null || (JSON.parse(key.mailboxes_json) as string[]).includes(mailbox);
}

interface Setting {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly had: readonly Channel[];
  readonly channels: readonly Channel[];
}

/** Records nothing when nothing changes. */
export async function setChannels(tx: Tx, { tenant, mailbox, had, channels: has }: Setting, by: Doing): Promise<void> {
  const channels_json = JSON.stringify(has);
  if (JSON.stringify(had) === channels_json) return;
  await tx.db.updateTable("mailboxes").set({ channels_json }).where("id", "=", mailbox).execute();
  await tell(tx, tenant, by, {
    action: "mailbox.channels_changed",
    mailbox,
    facts: { old: had.map(shown).join(", "), new: has.map(shown).join(", ") },
    // A team names its workflows and queues as it likes, also by people.
    details: { old: had.map(channelKey).join(", "), new: has.map(channelKey).join(", ") },
  });
  tx.touch(`mailbox:${mailbox}`);
}

function shown(channel: Channel): string {
  return channel.kind === "webhook" ? channelKey(channel) : `${channel.kind} per ${channel.id_per}`;
}
