import type { Compilable, Kysely } from "kysely";
import type { Database } from "./schema.ts";

/** Carries out what is in words already. Sent before it returns, so what is asked together is carried out in that order. */
export type Carry = (text: string, parameters: readonly unknown[]) => Promise<readonly unknown[]>;

const carriers = new WeakMap<Kysely<Database>, Carry>();

/** Queries written once go to `db` by this way. */
export function carriedBy(db: Kysely<Database>, carry: Carry): Kysely<Database> {
  carriers.set(db, carry);
  return db;
}

/**
 * A query that is put into words once a database instead of every time, which costs several times what SQLite then does
 * for it. `write` is handed stand-ins in place of the values: it may pass them on and nothing else, no look at them and no
 * list whose length decides the text. Every call gives the same keys. `null` is a value like another.
 */
export function once<Given extends object, Row = unknown>(
  write: (db: Kysely<Database>, given: Given) => Compilable<Row>,
): Query<Given, Row> {
  const written = new WeakMap<Kysely<Database>, { readonly query: ReturnType<Compilable<Row>["compile"]>; readonly carry: Carry }>();
  return async (db, given) => {
    let known = written.get(db);
    if (known === undefined) written.set(db, (known = { query: write(db, standIns(given)).compile(), carry: carrierOf(db) }));
    const { query, carry } = known;
    const parameters = query.parameters.map((value) => (value instanceof StandIn ? given[value.key as keyof Given] : value));
    return (await carry(query.sql, parameters)) as readonly Row[];
  };
}

function carrierOf(db: Kysely<Database>): Carry {
  const carry = carriers.get(db);
  if (carry === undefined) throw new Error("nobody said how this database is asked");
  return carry;
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
