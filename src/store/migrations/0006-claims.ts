import type { Migration } from "./migration.ts";

export const claims: Migration = {
  number: 6,
  name: "claims",
  // Whose an attempt is that was claimed without being opened before.
  statements: [`alter table send_attempts add column claim text`],
};
