import type { Client } from "pg";
import { pendingAfter } from "../migrations/pending.ts";
import type { Migration } from "../migrations/migration.ts";
import { PREPARE, toPostgres } from "./ddl.ts";

/** Any number, the same in every version: who migrates holds it, others wait. */
const LOCK = 7_067_833_701;

/**
 * Brings the schema up to date, all steps in one transaction, whoever else starts at the same time. Refuses a database
 * that newer code has been at.
 */
export async function migrate(client: Client, migrations: readonly Migration[]): Promise<void> {
  await client.query("begin");
  await client.query(`select pg_advisory_xact_lock(${LOCK})`);
  for (const statement of PREPARE) await client.query(statement);
  for (const migration of pendingAfter(await newestOf(client), migrations)) await apply(client, migration);
  await client.query("commit");
}

export async function newestOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ newest: number }>("select coalesce(max(number), 0) as newest from migrations");
  return rows[0]?.newest ?? 0;
}

async function apply(client: Client, { number, name, statements }: Migration): Promise<void> {
  for (const statement of statements.flatMap(toPostgres)) await client.query(statement);
  await client.query("insert into migrations (number, name) values ($1, $2)", [number, name]);
}
