import type { Migration } from "./migration.ts";

// INVARIANT (DESIGN §9.7): one attempt of a draft at a time, and none after one whose fate is unknown; the unique indices
// on attempts make that the database's own business.
export const outbound: Migration = {
  number: 2,
  name: "outbound",
  statements: [
    `alter table mailboxes add column oversight_address text`,
    `alter table messages add column draft text`,

    // Threads that a stranger may have written into.
    `create index messages_tainting on messages (mailbox, thread) where verified = 0 or outcome = 'quarantined'`,

    // A draft that must be approved anew begins another round of decisions; inbound mail has one.
    `alter table decisions add column round integer not null default 1`,
    `drop index decisions_final`,
    `create unique index decisions_final on decisions (message, stage, round) where is_final = 1`,
    `drop index decisions_of_run`,
    `create unique index decisions_of_run on decisions (message, stage, run, round)`,

    // The kill switch. `id`: mailbox, agent or tenant id.
    `create table stops (
      tenant text not null references tenants (id),
      kind text not null check (kind in ('mailbox', 'agent', 'tenant')),
      id text not null,
      at integer not null,
      primary key (tenant, kind, id)
    ) strict`,

    `create table mode_codes (
      hash text primary key,
      tenant text not null,
      mailbox text not null,
      mode text not null,
      created_at integer not null,
      expires_at integer not null,
      used_at integer,
      actor text not null,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create index mode_codes_of_mailbox on mode_codes (mailbox, mode)`,

    `alter table domains add column checked_at integer`,
    `create index domains_newest on domains (tenant, created_at, id)`,
    `create table dkim_keys (
      id text primary key,
      tenant text not null references tenants (id),
      domain text not null references domains (domain),
      selector text not null,
      public_key text not null,
      sealed text not null,
      state text not null check (state in ('next', 'active', 'retired')),
      created_at integer not null,
      unique (domain, selector)
    ) strict`,
    `create unique index dkim_keys_active on dkim_keys (domain) where state = 'active'`,

    `create table idempotency (
      mailbox text not null references mailboxes (id),
      key text not null,
      tenant text not null,
      payload_hash text not null,
      draft text not null unique,
      at integer not null,
      status integer,
      answer text,
      primary key (mailbox, key)
    ) strict, without rowid`,
    `create index idempotency_age on idempotency (at)`,

    `create table drafts (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      message text not null unique,
      thread text not null,
      kind text not null check (kind in ('draft', 'copy')),
      state text not null,
      reason text not null,
      mode text not null,
      author text not null,
      in_reply_to text,
      send_at integer,
      revision integer not null,
      -- Counts the holds of one draft: an approval of an earlier round says nothing about this one.
      round integer not null default 1,
      decision text not null,
      created_at integer not null,
      updated_at integer not null,
      retention_days integer not null,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    `create index drafts_newest on drafts (mailbox, created_at, id)`,
    `create index drafts_by_state on drafts (mailbox, state, created_at, id)`,

    `create table revisions (
      draft text not null references drafts (id),
      number integer not null,
      tenant text not null,
      author text not null,
      source_digest text not null,
      source_size integer not null,
      mime_digest text not null,
      mime_size integer not null,
      content_hash text not null,
      envelope_sender text not null,
      recipients_json text not null,
      subject text not null,
      rfc_message_id text not null,
      created_at integer not null,
      primary key (draft, number)
    ) strict`,
    `create index revisions_by_source on revisions (tenant, source_digest)`,
    `create index revisions_by_mime on revisions (tenant, mime_digest)`,
    `create trigger revisions_are_immutable before update on revisions
      when not (new.subject = '' and new.recipients_json = '[]' and new.rfc_message_id = '' and new.envelope_sender = ''
        and new.draft = old.draft and new.number = old.number and new.tenant = old.tenant and new.author = old.author
        and new.source_digest = old.source_digest and new.source_size = old.source_size and new.mime_digest = old.mime_digest
        and new.mime_size = old.mime_size and new.content_hash = old.content_hash and new.created_at = old.created_at)
      begin select raise(abort, 'revisions are never changed, only emptied of what is personal'); end`,

    `create table holds (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      direction text not null check (direction in ('inbound', 'outbound')),
      kind text not null check (kind in ('send', 'inbound')),
      status text not null check (status in ('waiting', 'approved', 'rejected', 'expired', 'cancelled')),
      reason text not null,
      subject text not null,
      to_json text not null,
      from_address text,
      revision integer not null,
      content_hash text not null,
      author text,
      approvers_json text not null,
      escalate_to_json text not null,
      quorum integer not null check (quorum >= 1),
      trust_namespace integer not null check (trust_namespace in (0, 1)),
      remind_at integer,
      escalate_at integer,
      expires_at integer not null,
      reminded_at integer,
      escalated_at integer,
      created_at integer not null,
      decided_at integer,
      foreign key (tenant, mailbox) references mailboxes (tenant, id)
    ) strict`,
    // The last two columns of each let a page be found, whatever is asked for, without a look at the rows.
    `create index holds_newest on holds (tenant, status, created_at, id, mailbox, direction)`,
    `create index holds_of_mailbox on holds (mailbox, status, created_at, id, tenant, direction)`,

    // Who stands behind the revision that waits; emptied by an edit and by a new round.
    `create table approvals (
      hold text not null references holds (id),
      actor text not null,
      content_hash text not null,
      at integer not null,
      primary key (hold, actor)
    ) strict, without rowid`,

    `create table attempts (
      nonce text primary key,
      hold text not null,
      tenant text not null,
      action text not null,
      actor text not null,
      content_hash text,
      via text not null,
      result text not null,
      -- What the first caller was told, and whoever repeats it.
      answer_json text not null,
      revision integer not null,
      at integer not null
    ) strict`,
    `create index attempts_of_hold on attempts (hold, at, nonce)`,
    `create trigger attempts_are_immutable before update on attempts
      begin select raise(abort, 'attempts are only appended'); end`,

    `create table hold_notes (
      nonce text primary key,
      hold text not null,
      tenant text not null,
      note text not null,
      at integer not null,
      expires_at integer not null
    ) strict`,
    `create index hold_notes_expiry on hold_notes (expires_at)`,

    // One row a draft: reserved at submit, dated again at send.
    `create table sends (
      draft text primary key,
      tenant text not null,
      mailbox text not null,
      at integer not null
    ) strict`,
    `create index sends_of_mailbox on sends (mailbox, at)`,

    `create table deliveries (
      draft text not null references drafts (id),
      recipient text not null,
      kind text not null check (kind in ('to', 'cc', 'bcc')),
      state text not null check (state in ('pending', 'accepted', 'deferred', 'refused', 'unknown')),
      attempt integer not null,
      code integer,
      enhanced text,
      reply text,
      at integer not null,
      primary key (draft, recipient)
    ) strict`,

    `create table send_attempts (
      draft text not null references drafts (id),
      attempt integer not null,
      phase text not null check (phase in ('connect', 'data', 'done', 'unknown', 'given_up')),
      content_hash text not null,
      recipients_json text not null,
      opened_at integer not null,
      claimed_at integer,
      ended_at integer,
      primary key (draft, attempt)
    ) strict`,
    `create unique index send_attempts_in_flight on send_attempts (draft) where phase in ('connect', 'data', 'unknown')`,

    // Domains this mailbox has written to: what is new to it is first contact (NY-21).
    `create table contacts (
      mailbox text not null references mailboxes (id),
      domain text not null,
      first_at integer not null,
      primary key (mailbox, domain)
    ) strict, without rowid`,

    `create table suppressions (
      id text primary key,
      tenant text not null references tenants (id),
      address text not null,
      reason text not null,
      source text not null,
      created_at integer not null,
      expires_at integer,
      ended_at integer
    ) strict`,
    `create unique index suppressions_standing on suppressions (tenant, address) where ended_at is null`,
    `create index suppressions_newest on suppressions (tenant, created_at, id)`,

    `create table sink (
      id text primary key,
      tenant text not null,
      mailbox text not null,
      draft text not null,
      envelope_sender text not null,
      recipients_json text not null,
      digest text not null,
      size integer not null,
      at integer not null
    ) strict`,
    `create index sink_newest on sink (tenant, at, id)`,
    `create index sink_by_blob on sink (tenant, digest)`,
  ],
};
