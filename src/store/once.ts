import type { Compilable, Kysely } from "kysely";
import type { Database } from "./schema.ts";

/**
 * A query that is put into words once a database instead of every time, which costs several times what SQLite then does
 * for it. `write` is handed stand-ins in place of the values: it may pass them on and nothing else, no look at them and no
 * list whose length decides the text. Every call gives the same keys. `null` is a value like another.
 */
export function once<Given extends object, Row = unknown>(
  write: (db: Kysely<Database>, given: Given) => Compilable<Row>,
): Query<Given, Row> {
  const written = new WeakMap<Kysely<Database>, ReturnType<Compilable<Row>["compile"]>>();
  return async (db, given) => {
    let query = written.get(db);
    if (query === undefined) written.set(db, (query = write(db, standIns(given)).compile()));
    const parameters = query.parameters.map((value) => (value instanceof StandIn ? given[value.key as keyof Given] : value));
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}

export type Query<Given, Row> = (db: Kysely<Database>, given: Given) => Promise<readonly Row[]>;

/** Where the value of this key will be. */
class StandIn {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
}

function standIns<Given extends object>(given: Given): Given {
  return Object.fromEntries(Object.keys(given).map((key) => [key, new StandIn(key)])) as Given;
}
