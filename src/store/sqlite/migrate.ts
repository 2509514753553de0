import type { DatabaseSync } from "node:sqlite";
import type { Migration } from "../migrations/migration.ts";
import { pendingAfter } from "../migrations/pending.ts";

/** Brings the schema up to date, all steps in one transaction. Refuses a database that newer code has been at. */
export function migrate(connection: DatabaseSync, migrations: readonly Migration[]): void {
  connection.exec("begin immediate");
  try {
    for (const migration of pending(connection, migrations)) apply(connection, migration);
    connection.exec("commit");
  } catch (error) {
    if (connection.isTransaction) connection.exec("rollback");
    throw error;
  }
}

function pending(connection: DatabaseSync, migrations: readonly Migration[]): readonly Migration[] {
  connection.exec("create table if not exists migrations (number integer primary key, name text not null) strict");
  const { newest } = connection.prepare("select coalesce(max(number), 0) as newest from migrations").get() as { newest: number };
  return pendingAfter(newest, migrations);
}

function apply(connection: DatabaseSync, { number, name, statements }: Migration): void {
  for (const statement of statements) connection.exec(statement);
  connection.prepare("insert into migrations (number, name) values (?, ?)").run(number, name);
}
