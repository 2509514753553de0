import type { Migration } from "./migration.ts";

export const carried: Migration = {
  number: 8,
  name: "carried",
  // Until when whoever claimed an attempt is believed to be at it, unless he says so again.
  statements: [`alter table send_attempts add column carried_until integer`],
};
