import { CHANNEL_LIMITS, type Channel } from "../model/channel.ts";
import type { MailboxId, TenantId, WebhookId } from "../model/ids.ts";
import { nextEntry } from "./audit.ts";
import { tell } from "./channel-audit.ts";
import { setChannels } from "./channels.ts";
import {
  WEBHOOK_LIMITS,
  type Doing,
  type NewSecret,
  type NewWebhook,
  type WebhookRow,
  type WebhookSecretRow,
} from "./contract-channels.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { WebhooksTable } from "./schema.ts";

export const webhooks = {
  "webhooks.create": {
    kind: "write",
    async run(tx, made) {
      const { tenant, agent_id } = made;
      if ((await countOf(tx, tenant)) >= WEBHOOK_LIMITS.perTenant) return { refused: "too_many_webhooks" };
      const mailboxes = agent_id === undefined ? [] : await mailboxesOf(tx, tenant, agent_id);
      if (agent_id !== undefined && mailboxes.length === 0) return { refused: "agent_unknown" };
      if (mailboxes.some(({ channels }) => channels.length >= CHANNEL_LIMITS.perMailbox)) return { refused: "too_many_channels" };
      await insert(tx, made);
      await attach(tx, made, mailboxes);
      return (await findWebhook(tx, made))!;
    },
  },

  "webhooks.get": { kind: "read", run: findWebhook },

  "webhooks.list": {
    kind: "read",
    async run(tx, args) {
      const size = pageSize(args);
      let query = tx.db.selectFrom("webhooks").selectAll().where("tenant", "=", args.tenant);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), "<", tuple(at, id as WebhookId)));
      }
      const found = await query
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      const rows: WebhookRow[] = [];
      for (const row of found) rows.push(await withSecrets(tx, row));
      return toPage(
        rows,
        size,
        (row) => ({ at: row.created_at, id: row.id }),
        (row) => row,
      );
    },
  },

  "webhooks.delete": {
    kind: "write",
    async run(tx, { tenant, id, ...by }) {
      const row = await findWebhook(tx, { tenant, id });
      if (row === null) return false;
      await detach(tx, tenant, id, by);
      await tx.db.deleteFrom("webhook_secrets").where("webhook", "=", id).execute();
      await tx.db.deleteFrom("webhooks").where("id", "=", id).execute();
      await tell(tx, tenant, by, { action: "webhook.deleted", facts: { webhook: id }, details: { url: row.url } });
      return true;
    },
  },

  // INVARIANT (PB-14): at most two secrets, the newest without an end.
  "webhooks.rotate": {
    kind: "write",
    async run(tx, { tenant, id, secret, grace_ms, ...by }) {
      const row = await findWebhook(tx, { tenant, id });
      if (row === null) return null;
      const expires_at = by.at + grace_ms;
      await tx.db.deleteFrom("webhook_secrets").where("webhook", "=", id).where("expires_at", "is not", null).execute();
      await tx.db.updateTable("webhook_secrets").set({ expires_at }).where("webhook", "=", id).execute();
      await addSecret(tx, id, secret, by.at);
      await tell(tx, tenant, by, {
        action: "webhook.rotated",
        facts: { webhook: id, previous_expires_at: new Date(expires_at).toISOString() },
      });
      return findWebhook(tx, { tenant, id });
    },
  },
} satisfies OperationsOf<"webhooks">;

async function countOf({ db }: Tx, tenant: TenantId): Promise<number> {
  const rows = await db.selectFrom("webhooks").select("id").where("tenant", "=", tenant).limit(WEBHOOK_LIMITS.perTenant).execute();
  return rows.length;
}

async function insert(tx: Tx, { id, tenant, url, description, agentpack, secret, ...by }: NewWebhook): Promise<void> {
  await tx.db
    .insertInto("webhooks")
    .values({ id, tenant, url, description, agentpack: agentpack ? 1 : 0, created_at: by.at })
    .execute();
  await addSecret(tx, id, secret, by.at);
  await tell(tx, tenant, by, { action: "webhook.created", facts: { webhook: id }, details: { url } });
}

async function addSecret({ db }: Tx, webhook: WebhookId, secret: NewSecret, created_at: number): Promise<void> {
  await db
    .insertInto("webhook_secrets")
    .values({ ...secret, webhook, created_at, expires_at: null })
    .execute();
}

interface Reached {
  readonly id: MailboxId;
  readonly channels: readonly Channel[];
}

/** Most that one call changes. */
const MOST_MAILBOXES = 10_000;

function mailboxesOf(tx: Tx, tenant: TenantId, agent: string): Promise<Reached[]> {
  return reached(mailboxRows(tx, tenant).where("agent_id", "=", agent));
}

async function attach(tx: Tx, { tenant, id, ...by }: NewWebhook, mailboxes: readonly Reached[]): Promise<void> {
  let entry: Doing = by;
  for (const { id: mailbox, channels } of mailboxes) {
    entry = { ...entry, ...nextEntry(entry) };
    await setChannels(tx, { tenant, mailbox, had: channels, channels: [...channels, { kind: "webhook", webhook_id: id }] }, entry);
  }
}

async function detach(tx: Tx, tenant: TenantId, id: WebhookId, by: Doing): Promise<void> {
  let entry: Doing = by;
  for (const { id: mailbox, channels } of await reached(mailboxRows(tx, tenant).where("channels_json", "like", `%${id}%`))) {
    const left = channels.filter((channel) => channel.kind !== "webhook" || channel.webhook_id !== id);
    entry = { ...entry, ...nextEntry(entry) };
    await setChannels(tx, { tenant, mailbox, had: channels, channels: left }, entry);
  }
}

function mailboxRows({ db }: Tx, tenant: TenantId) {
  return db.selectFrom("mailboxes").select(["id", "channels_json"]).where("tenant", "=", tenant).orderBy("id").limit(MOST_MAILBOXES);
}

async function reached(query: ReturnType<typeof mailboxRows>): Promise<Reached[]> {
  const rows = await query.execute();
  return rows.map(({ id, channels_json }) => ({ id, channels: JSON.parse(channels_json) as Channel[] }));
}

export async function findWebhook(tx: Tx, { tenant, id }: { tenant: TenantId; id: WebhookId }): Promise<WebhookRow | null> {
  const row = await tx.db.selectFrom("webhooks").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : withSecrets(tx, row);
}

async function withSecrets({ db }: Tx, row: WebhooksTable): Promise<WebhookRow> {
  const columns = ["id", "sealed", "created_at", "expires_at"] as const;
  const secrets = await db.selectFrom("webhook_secrets").select(columns).where("webhook", "=", row.id).execute();
  return { ...row, agentpack: row.agentpack === 1, secrets: secrets.toSorted(newestFirst) };
}

function newestFirst(one: WebhookSecretRow, other: WebhookSecretRow): number {
  if (one.expires_at === null || other.expires_at === null) return one.expires_at === null ? -1 : 1;
  return other.created_at - one.created_at;
}
