import type { Migration } from "./migration.ts";

export const channels: Migration = {
  number: 3,
  name: "channels",
  statements: [
    `alter table mailboxes add column channels_json text not null default '[]'`,

    `create table webhooks (
      id text primary key,
      tenant text not null references tenants (id),
      url text not null,
      description text not null,
      agentpack integer not null check (agentpack in (0, 1)),
      created_at integer not null
    ) strict`,
    `create index webhooks_newest on webhooks (tenant, created_at, id)`,

    `create table webhook_secrets (
      id text primary key,
      webhook text not null references webhooks (id),
      sealed text not null,
      created_at integer not null,
      expires_at integer
    ) strict`,
    `create index webhook_secrets_of_webhook on webhook_secrets (webhook)`,

    `create table dispatches (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      message text not null references messages (id),
      thread text not null,
      kind text not null check (kind in ('webhook', 'workflow')),
      webhook text,
      channel_json text not null,
      state text not null check (state in ('pending', 'delivered', 'dead')),
      reason text,
      status integer,
      attempts integer not null,
      created_at integer not null,
      due_at integer not null,
      minted_at integer not null,
      attempted_at integer,
      ended_at integer,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create index dispatches_of_message on dispatches (message, id)`,
    `create index dispatches_of_webhook on dispatches (webhook, created_at, id)`,
    `create index dispatches_of_mailbox on dispatches (mailbox, created_at, id)`,
    `create index dispatches_pending on dispatches (id) where state = 'pending'`,
    `create index dispatches_age on dispatches (created_at) where state <> 'pending'`,
  ],
};
