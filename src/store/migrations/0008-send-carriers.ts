import type { Migration } from "./migration.ts";

export const sendCarriers: Migration = {
  number: 8,
  name: "send-carriers",
  // Whoever is long at an attempt says so here. A table of its own: statements that an older process has prepared on
  // PostgreSQL fail when a table that they read gets another column.
  statements: [
    `create table send_carriers (
      draft text primary key,
      claim text not null,
      until integer not null
    ) strict`,
  ],
};
