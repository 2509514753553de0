import { createHash } from "node:crypto";
import { Kysely, PostgresDialect, type PostgresPool } from "kysely";
import type { ClientBase, ClientConfig, QueryResult } from "pg";
import { PosternError } from "../../model/errors.ts";
import { carriedBy } from "../once.ts";
import type { Database } from "../schema.ts";
import { QueryFault, READ_ONLY } from "./fault.ts";
import { tlsOf, type DatabaseTarget } from "./target.ts";
import { toParameter, TYPES } from "./values.ts";

/** One connection, and queries over it. Who has it begins, commits and gives it back. */
export interface Session {
  readonly db: Kysely<Database>;
  /** Rejects with a `QueryFault`. Statements asked for together go out together, and are carried out in order. */
  query(text: string, parameters?: readonly unknown[]): Promise<QueryResult>;
  /** From here on `most` statements; what is asked beyond them rejects with `OneTooMany` and is not sent. */
  start(most: number): void;
  /** What failed first since then. */
  readonly failure: QueryFault | null;
}

export class OneTooMany extends Error {}

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
 * Plans are made for the values at hand: the partial indices fit values, not placeholders. A transaction can only read unless
 * it says otherwise.
 */
const SETTINGS = [
  `set statement_timeout = ${STATEMENT}`,
  `set lock_timeout = ${LOCK}`,
  `set idle_in_transaction_session_timeout = ${STATEMENT}`,
  `set plan_cache_mode = force_custom_plan`,
  `set client_min_messages = warning`,
  `set default_transaction_read_only = on`,
  `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`,
];

/** Of the connections that write. Under SERIALIZABLE a scan of a whole table conflicts with every change of it. */
const WRITER_SETTINGS = [`set enable_seqscan = off`];

/** A connection that was just made, settled for its work, and the server's number of it. Rejects where its work cannot be done. */
export async function openSession(
  client: ClientBase,
  kind: "read" | "write",
): Promise<{ readonly session: Session; readonly pid: number }> {
  const session = sessionOver(client);
  const { rows } = await session.query("select pg_backend_pid() as pid, current_setting('transaction_read_only') as read_only");
  const { pid, read_only } = rows[0] as { pid: number; read_only: string };
  if (kind === "write" && read_only === "on") throw new QueryFault(new Error("the database can only be read"), READ_ONLY);
  await session.query([...SETTINGS, ...(kind === "write" ? WRITER_SETTINGS : [])].join("; "));
  return { session, pid };
}

/** Queries differ only where lists differ in length; past this many they are put to the server as they come. */
const MOST_PREPARED = 500;

function sessionOver(client: ClientBase): Session {
  const prepared = new Map<string, string>();
  let left = Infinity;
  let failure: QueryFault | null = null;
  const query = async (text: string, parameters: readonly unknown[] = []): Promise<QueryResult> => {
    if (left < 1) throw new OneTooMany("one question more than there is a snapshot for");
    left -= 1;
    const values = parameters.map(toParameter);
    const name = values.length === 0 ? undefined : nameOf(text, prepared);
    try {
      return await client.query({ text, values, ...(name === undefined ? {} : { name }) });
    } catch (error) {
      // Ours is a value that came back and cannot be used.
      if (error instanceof PosternError) throw error;
      const fault = new QueryFault(error);
      failure ??= fault;
      throw fault;
    }
  };
  return {
    db: kyselyOver(query),
    query,
    start: (most) => {
      left = most;
      failure = null;
    },
    get failure() {
      return failure;
    },
  };
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
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: pool as unknown as PostgresPool }) });
  return carriedBy(db, async (text, parameters) => (await query(text, parameters)).rows as unknown[]);
}
