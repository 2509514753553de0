import { Client, DatabaseError } from "pg";
import { PosternError } from "../../model/errors.ts";
import type { Migration } from "../migrations/migration.ts";
import { QueryFault, READ_ONLY } from "./fault.ts";
import { migrate, newestOf } from "./migrate.ts";
import { clientConfig } from "./session.ts";
import { formatDatabase, type DatabaseTarget } from "./target.ts";

/** The oldest that every release is tried with. */
const OLDEST = 150_000;

const PRIMARY = "name the primary in POSTERN_DATABASE_URL, not a standby";

/** Milliseconds: a migration may have to wait for one that goes on elsewhere, and to rebuild an index. */
const MIGRATION = 600_000;

/**
 * Looks whether the server is one we can use, and brings its database up to date. Throws `invalid_config` with the way
 * out, which names the database without its password.
 */
export function prepare(target: DatabaseTarget, migrations: readonly Migration[]): Promise<void> {
  return visit(target, (client) => migrate(client, migrations));
}

/** The newest step of its schema; 0 before the first start. Changes nothing, and throws as `prepare` does. */
export function schemaOf(target: DatabaseTarget): Promise<number> {
  return visit(target, async (client) => {
    const { rows } = await client.query<{ made: number }>("select to_regclass('migrations') is not null as made");
    return rows[0]?.made === 1 ? newestOf(client) : 0;
  });
}

async function visit<T>(target: DatabaseTarget, work: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await within(new Client({ ...clientConfig(target), query_timeout: MIGRATION, pipeline: false }), work);
  } catch (error) {
    throw error instanceof PosternError ? error : cannotUse(target, error);
  }
}

async function within<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
  client.on("error", () => undefined);
  try {
    await client.connect();
    await check(client, client.database ?? "");
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface Server {
  readonly version: string;
  readonly encoding: string;
  /** Follows another; 0 or 1. */
  readonly standby: number;
  /** `on` where a transaction that says nothing can only read. */
  readonly read_only: string;
}

async function check(client: Client, database: string): Promise<void> {
  const { rows } = await client.query<Server>(
    `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding,
      pg_is_in_recovery() as standby, current_setting('transaction_read_only') as read_only`,
  );
  const { version, encoding, standby, read_only } = rows[0]!;
  if (Number(version) < OLDEST) throw tooOld(Number(version));
  if (standby === 1) throw new PosternError("invalid_config", "the database server is a standby, which can only be read", { fix: PRIMARY });
  if (read_only === "on") throw readOnly(database);
  if (encoding === "UTF8") return;
  throw new PosternError("invalid_config", `the database is encoded in ${encoding}`, {
    fix: "make one for postern: create database postern encoding 'UTF8' template template0",
  });
}

/** `version`: as the server counts, 150004 for 15.4. */
function tooOld(version: number): PosternError {
  return new PosternError("invalid_config", `the database server is PostgreSQL ${Math.trunc(version / 10_000)}, which is too old`, {
    fix: `use PostgreSQL ${OLDEST / 10_000} or newer`,
  });
}

function readOnly(database: string): PosternError {
  return new PosternError("invalid_config", `the database \`${database}\` can only be read: default_transaction_read_only is on`, {
    fix: "turn it off for the database or the user, as by: alter database … reset default_transaction_read_only",
  });
}

function cannotUse(target: DatabaseTarget, error: unknown): PosternError {
  const { message: detail } = new QueryFault(error);
  const fix = error instanceof DatabaseError ? fixFor(error.code ?? "") : "see that it runs and is reachable from here, also over TLS";
  return new PosternError("invalid_config", `the database \`${formatDatabase(target)}\` cannot be used: ${detail}`, { fix, detail });
}

function fixFor(state: string): string {
  if (state.startsWith("28")) return "correct user and password in POSTERN_DATABASE_URL, or let the user in (pg_hba.conf)";
  if (state === "3D000") return "create the database, or name another in POSTERN_DATABASE_URL";
  if (state === "42501") return "make the user owner of the database, or of the schema that its search_path names first";
  if (state === READ_ONLY) return PRIMARY;
  return "see the server's log";
}
