import { createHash } from "node:crypto";
import { Kysely, PostgresDialect, type PostgresPool } from "kysely";
import type { ClientBase, ClientConfig, QueryResult } from "pg";
import { PosternError } from "../../model/errors.ts";
import type { Database } from "../schema.ts";
import { QueryFault } from "./fault.ts";
import { tlsOf, type DatabaseTarget } from "./target.ts";
import { toParameter, TYPES } from "./values.ts";

/** One connection, and queries over it. Who has it begins, commits and gives it back. */
export interface Session {
  readonly db: Kysely<Database>;
  /** Rejects with a `QueryFault`. Statements asked for together go out together, and are carried out in order. */
  query(text: string, parameters?: readonly unknown[]): Promise<QueryResult>;
}

/** Milliseconds; what takes longer is given up as temporary. */
const CONNECT = 5_000;
const STATEMENT = 10_000;
const LOCK = 5_000;
/** Longer than the server's own, for a server or network that says nothing any more. */
const ANSWER = 15_000;

export function clientConfig(target: DatabaseTarget): ClientConfig & { readonly connectionTimeoutMillis: number } {
  const { host, port, database, user, password } = target;
  return {
    ...{ host, port, database, user, password },
    ssl: tlsOf(target),
    application_name: "postern",
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT,
    query_timeout: ANSWER,
    pipeline: true,
    types: TYPES,
  };
}

/**
 * INVARIANT (DESIGN §9.2): a commit returns only when the log is on the disk, whatever the server's default.
 * Plans are made for the values at hand: the partial indices fit values, not placeholders.
 */
const SETTINGS = [
  `set statement_timeout = ${STATEMENT}`,
  `set lock_timeout = ${LOCK}`,
  `set idle_in_transaction_session_timeout = ${STATEMENT}`,
  `set plan_cache_mode = force_custom_plan`,
  `set client_min_messages = warning`,
  `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`,
];

/** Of the connections that write. Under SERIALIZABLE a scan of a whole table conflicts with every change of it. */
const WRITER_SETTINGS = [`set enable_seqscan = off`];
const READER_SETTINGS = [`set default_transaction_read_only = on`];

/** A connection that was just made, settled for its work. */
export async function openSession(client: ClientBase, kind: "read" | "write"): Promise<Session> {
  const session = sessionOver(client);
  await session.query([...SETTINGS, ...(kind === "write" ? WRITER_SETTINGS : READER_SETTINGS)].join("; "));
  return session;
}

/** Queries differ only where lists differ in length; past this many they are put to the server as they come. */
const MOST_PREPARED = 500;

function sessionOver(client: ClientBase): Session {
  const prepared = new Map<string, string>();
  const query = async (text: string, parameters: readonly unknown[] = []): Promise<QueryResult> => {
    const values = parameters.map(toParameter);
    const name = values.length === 0 ? undefined : nameOf(text, prepared);
    try {
      return await client.query({ text, values, ...(name === undefined ? {} : { name }) });
    } catch (error) {
      // Ours is a value that came back and cannot be used.
      throw error instanceof PosternError ? error : new QueryFault(error);
    }
  };
  return { db: kyselyOver(query), query };
}

function nameOf(text: string, prepared: Map<string, string>): string | undefined {
  const known = prepared.get(text);
  if (known !== undefined || prepared.size >= MOST_PREPARED) return known;
  const name = createHash("sha256").update(text).digest("base64url");
  prepared.set(text, name);
  return name;
}

/** Kysely over a connection that somebody else has; transactions are the owner's business too. */
function kyselyOver(query: Session["query"]): Kysely<Database> {
  const client = { query, release: () => undefined };
  const pool = { connect: async () => client, end: async () => undefined, options: {} };
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: pool as unknown as PostgresPool }) });
}
