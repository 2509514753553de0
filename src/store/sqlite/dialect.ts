import { Kysely, SqliteDialect, SqliteQueryCompiler, type LimitNode, type SqliteDatabase, type SqliteStatement } from "kysely";
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { carriedBy } from "../once.ts";
import type { Database } from "../schema.ts";

/** Queries differ only where lists differ in length; past this many, start again. */
const MOST_STATEMENTS = 500;

/** Kysely over a connection that somebody else opened, and closes. Transactions are the owner's business too. */
export function kyselyOver(connection: DatabaseSync): Kysely<Database> {
  const database = shim(connection);
  const db = new Kysely<Database>({ dialect: new Dialect({ database }) });
  return carriedBy(db, async (text, parameters) => {
    const statement = database.prepare(text);
    if (statement.reader) return statement.all(parameters);
    statement.run(parameters);
    return [];
  });
}

/**
 * SQLite (seen in 3.53) looks at the value of a bare `limit ?`, and so plans the query anew whenever one is bound, which costs
 * several times what the query then does. At an expression it does not look.
 */
class Compiler extends SqliteQueryCompiler {
  protected override visitLimit({ limit }: LimitNode): void {
    this.append("limit +");
    this.visitNode(limit);
  }
}

class Dialect extends SqliteDialect {
  override createQueryCompiler(): SqliteQueryCompiler {
    return new Compiler();
  }
}

/** What Kysely expects of better-sqlite3, with statements prepared once. */
function shim(connection: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => connection.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      if (statements.size >= MOST_STATEMENTS) statements.clear();
      const statement = statementShim(connection.prepare(sql));
      statements.set(sql, statement);
      return statement;
    },
  };
}

function statementShim(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  };
}
