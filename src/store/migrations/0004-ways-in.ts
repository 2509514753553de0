import type { Migration } from "./migration.ts";

export const waysIn: Migration = {
  number: 4,
  name: "ways-in",
  statements: [
    // Null for what leaves.
    `alter table messages add column source text`,
    `update messages set source = 'smtp' where direction = 'inbound'`,
    // Of a scorer, which there is none yet.
    `alter table messages add column injection_score real`,
    `alter table keys add column attest integer not null default 0 check (attest in (0, 1))`,
    `create index keys_newest on keys (tenant, created_at, id)`,
  ],
};
