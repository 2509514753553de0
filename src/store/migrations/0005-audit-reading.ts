import type { Migration } from "./migration.ts";

/**
 * Audit entries can be looked up by mailbox and by what they tell of. Both stand in the leaf as well, which says what is true;
 * these columns only find it. Most entries are decisions, which need no index of their kind.
 */
export const auditReading: Migration = {
  number: 5,
  name: "audit-reading",
  statements: [
    `alter table audit_entries add column mailbox text`,
    `alter table audit_entries add column action text not null default ''`,
    `drop trigger audit_entries_no_update`,
    `update audit_entries set
      action = substr(leaf, instr(leaf, '"action":"') + 10, instr(substr(leaf, instr(leaf, '"action":"') + 10), '"') - 1)`,
    `update audit_entries set
      mailbox = substr(leaf, instr(leaf, '"mailbox":"') + 11, instr(substr(leaf, instr(leaf, '"mailbox":"') + 11), '"') - 1)
      where instr(leaf, '"mailbox":"') > 0`,
    `create trigger audit_entries_no_update before update on audit_entries
      begin select raise(abort, 'audit entries are only appended'); end`,
    `create index audit_newest on audit_entries (tenant, at, id)`,
    `create index audit_of_mailbox on audit_entries (mailbox, at, id) where mailbox is not null`,
    `create index audit_of_action on audit_entries (tenant, action, at, id) where action <> 'decision'`,
  ],
};
