import type { Kysely } from "kysely";
import type { Args, OperationName, Result } from "./contract.ts";
import type { Query } from "./once.ts";
import type { Database } from "./schema.ts";

/** One transaction, as an operation sees it. */
export interface Tx {
  readonly db: Kysely<Database>;
  /**
   * Tells watchers of `key`, once the transaction is durable, that something has moved. `known`: what a read of that key
   * (`Operation.until`) finds from then on, to the letter, so that a store which keeps results need not look.
   */
  touch<K extends OperationName>(key: string, known?: Known<K>): void;
  /**
   * Carries out a statement whose answer the operation has no need of: resolves when the next may be sent. What is asked after
   * it sees what it did; the transaction fails with it.
   */
  later<Given extends object>(query: Query<Given, unknown>, given: Given): Promise<void>;
}

/** A question, and what it finds. */
export interface Known<K extends OperationName = OperationName> {
  readonly name: K;
  readonly args: Args<K>;
  readonly result: Result<K>;
}

/** A whole transaction, pure in `(tx, args)`: the engine may run it again from the start. */
export interface Operation<K extends OperationName> {
  readonly kind: "read" | "write";
  /**
   * Of a read that is asked for every message: the key that every change of its result touches. A store that hears of all
   * changes may keep the result until then.
   */
  readonly until?: (args: Args<K>) => string;
  /**
   * Of a write that changes one row with all others of its kind: what it is about. Two about one thing can only take turns; a
   * store that would carry them out at once, and one of them in vain, lets them.
   */
  readonly about?: (args: Args<K>) => string;
  run(tx: Tx, args: Args<K>): Promise<Result<K>>;
}

export type Registry = { readonly [K in OperationName]: Operation<K> };

/** Every operation of one noun, so that a noun's file cannot forget one. */
export type OperationsOf<Noun extends string> = Pick<Registry, Extract<OperationName, `${Noun}.${string}`>>;
