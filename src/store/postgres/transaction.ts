import type { OperationName } from "../contract.ts";
import type { Tx } from "../operation.ts";
import { registry } from "../registry.ts";
import { notify } from "./listener.ts";
import type { Session } from "./session.ts";

/** One operation asked for. */
export interface Job {
  readonly name: OperationName;
  readonly args: unknown;
}

interface Written {
  readonly result: unknown;
  /** Watch keys moved by what was committed. */
  readonly touched: readonly string[];
}

/**
 * One operation, one transaction, as if it were alone. INVARIANT: resolves only after COMMIT. An operation that went on
 * after a statement had failed has done nothing: PostgreSQL answers its COMMIT with ROLLBACK, and it fails here.
 */
export async function write(session: Session, job: Job): Promise<Written> {
  const touched = new Set<string>();
  // Awaited: what followed a failed BEGIN would be carried out by itself.
  await session.query("begin isolation level serializable");
  try {
    const result = await perform({ db: session.db, touch: (key) => touched.add(key) }, job);
    await commit(session, [...touched]);
    return { result, touched: [...touched] };
  } catch (error) {
    await session.query("rollback").catch(() => undefined);
    throw error;
  }
}

/** In a snapshot of its own: as of now, and the same throughout. `told` hears the result before the snapshot is given back. */
export async function read(session: Session, job: Job, told: (result: unknown) => void): Promise<void> {
  // Not awaited: the connection can only read, and the first query need not wait for the answer.
  const begun = session.query("begin isolation level repeatable read read only");
  begun.catch(() => undefined);
  try {
    const result = await perform({ db: session.db, touch: () => undefined }, job);
    await begun;
    told(result);
  } finally {
    await session.query("rollback");
  }
}

async function commit(session: Session, touched: readonly string[]): Promise<void> {
  const told = touched.length === 0 ? Promise.resolve() : notify(session, touched);
  told.catch(() => undefined);
  const { command } = await session.query("commit");
  await told;
  if (command !== "COMMIT") throw new Error("the transaction was given up under way");
}

function perform(tx: Tx, { name, args }: Job): Promise<unknown> {
  // The pair comes from `Store.run`, where the compiler has seen that they fit.
  return registry[name].run(tx, args as never);
}
