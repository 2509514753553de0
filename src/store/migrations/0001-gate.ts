import type { Migration } from "./migration.ts";

// INVARIANT (DESIGN §5): at most one final decision per (message, stage); audit entries are only appended; nothing
// crosses tenants, which the two-column foreign keys on (tenant, mailbox) make the database's own business.
export const gate: Migration = {
  number: 1,
  name: "gate",
  statements: [
    `create table tenants (
      id text primary key,
      name text not null unique,
      created_at integer not null
    ) strict`,

    `create table keys (
      id text primary key,
      tenant text not null references tenants (id),
      name text not null,
      scopes_json text not null,
      mailboxes_json text,
      masked text not null,
      hash text not null unique,
      created_at integer not null,
      revoked_at integer
    ) strict`,

    `create table secrets (
      name text primary key,
      sealed text not null
    ) strict`,

    `create table agents (
      tenant text not null references tenants (id),
      id text not null,
      created_at integer not null,
      primary key (tenant, id)
    ) strict`,

    `create table domains (
      id text primary key,
      tenant text not null references tenants (id),
      domain text not null unique,
      state text not null check (state in ('local', 'unverified', 'verified')),
      created_at integer not null
    ) strict`,

    `create table mailboxes (
      id text primary key,
      tenant text not null references tenants (id),
      agent_id text not null,
      oversight_mode text not null,
      policy text,
      delivery_seq integer not null default 0,
      created_at integer not null,
      unique (tenant, id),
      foreign key (tenant, agent_id) references agents (tenant, id)
    ) strict`,
    `create index mailboxes_newest on mailboxes (tenant, created_at, id)`,

    `create table addresses (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      domain text not null references domains (id),
      address text not null unique,
      is_primary integer not null check (is_primary in (0, 1)),
      created_at integer not null,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create index addresses_mailbox on addresses (mailbox)`,

    `create table policies (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      version integer not null,
      digest text not null,
      document text not null,
      actor text not null,
      created_at integer not null,
      unique (mailbox, version),
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create trigger policies_are_immutable before update on policies
      begin select raise(abort, 'policy versions are never changed'); end`,

    `create table messages (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      direction text not null check (direction in ('inbound', 'outbound')),
      thread text not null,
      outcome text not null,
      digest text not null,
      size integer not null,
      keeps_raw integer not null check (keeps_raw in (0, 1)),
      from_address text,
      sender text not null,
      verified integer not null check (verified in (0, 1)),
      envelope_sender text not null,
      recipient text not null,
      subject text not null,
      rfc_message_id text,
      automatic integer not null check (automatic in (0, 1)),
      facts_json text,
      capabilities_json text not null,
      tokens_reserved integer not null check (tokens_reserved >= 0),
      tokens_consumed integer check (tokens_consumed >= 0),
      settled_at integer,
      received_at integer not null,
      delivery_seq integer,
      retention_days integer not null,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create index messages_newest on messages (mailbox, received_at, id)`,
    `create index messages_by_outcome on messages (mailbox, outcome, received_at, id)`,
    `create unique index messages_delivered on messages (mailbox, delivery_seq) where delivery_seq is not null`,
    `create index messages_by_message_id on messages (mailbox, rfc_message_id) where rfc_message_id is not null`,
    `create index messages_by_sender on messages (mailbox, sender, received_at)`,
    `create index messages_by_blob on messages (tenant, digest)`,

    `create table participants (
      thread text not null,
      address text not null,
      primary key (thread, address)
    ) strict`,

    `create table decisions (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      message text not null,
      thread text,
      run text not null,
      stage text not null check (stage in ('inbound', 'release', 'submit', 'send')),
      outcome text not null,
      is_final integer not null check (is_final in (0, 1)),
      body_sha256 text,
      at integer not null,
      decision_json text not null,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create unique index decisions_final on decisions (message, stage) where is_final = 1`,
    `create unique index decisions_of_run on decisions (message, stage, run)`,
    `create index decisions_newest on decisions (mailbox, at, id)`,
    `create index decisions_by_outcome on decisions (mailbox, outcome, at, id)`,
    `create index decisions_by_thread on decisions (thread, at, id) where thread is not null`,

    `create table ledger (
      message text not null,
      ledger text not null check (ledger in ('rate', 'tokens')),
      mailbox text not null,
      sender text not null,
      thread text not null,
      amount integer not null check (amount >= 0),
      at integer not null,
      primary key (message, ledger)
    ) strict`,
    `create index ledger_by_sender on ledger (ledger, mailbox, sender, at, amount)`,
    `create index ledger_by_thread on ledger (ledger, mailbox, thread, amount)`,

    `create table receipts (
      id text primary key,
      tenant text not null references tenants (id),
      message text not null,
      peer text not null,
      helo text not null,
      sender text not null,
      recipient text not null,
      reply text not null,
      at integer not null
    ) strict`,
    `create index receipts_of_message on receipts (message, at, id)`,

    `create table audit_entries (
      id text primary key,
      tenant text not null references tenants (id),
      message text,
      decision text unique references decisions (id),
      at integer not null,
      leaf text not null,
      leaf_hash text not null
    ) strict`,
    `create index audit_of_message on audit_entries (message, at, id) where message is not null`,
    `create trigger audit_entries_no_update before update on audit_entries
      begin select raise(abort, 'audit entries are only appended'); end`,
    // REPLACE removes the old row without asking the trigger below.
    `create trigger audit_entries_no_replace before insert on audit_entries
      when exists (select 1 from audit_entries where id = new.id or decision = new.decision)
      begin select raise(abort, 'audit entries are only appended'); end`,
    `create trigger audit_entries_no_delete before delete on audit_entries
      begin select raise(abort, 'audit entries are only appended'); end`,

    `create table audit_private (
      entry text primary key references audit_entries (id),
      salt text not null,
      details_json text not null,
      expires_at integer not null
    ) strict`,
    `create index audit_private_expiry on audit_private (expires_at)`,
  ],
};
