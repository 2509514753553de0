import type { OperationName } from "../contract.ts";
import type { Tx } from "../operation.ts";
import { registry } from "../registry.ts";
import { notify } from "./listener.ts";
import { OneTooMany, type Session } from "./session.ts";

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

// Begins and ends are not waited for before the next statement goes out. INVARIANT: a connection can only read until a BEGIN
// says otherwise, so what follows a BEGIN that failed changes nothing, and whoever ends the transaction hears that it did.
const BEGIN = { write: "begin isolation level serializable read write", read: "begin isolation level repeatable read read only" } as const;

/**
 * One operation, one transaction, as if it were alone. INVARIANT: resolves only after COMMIT. An operation that went on
 * after a statement had failed has done nothing: PostgreSQL answers its COMMIT with ROLLBACK, and it fails here.
 */
export async function write(session: Session, job: Job): Promise<Written> {
  const touched = new Set<string>();
  const sent: Promise<unknown>[] = [];
  const send = (statement: Promise<unknown>): void => {
    statement.catch(() => undefined);
    sent.push(statement);
  };
  session.start(Infinity);
  send(session.query(BEGIN.write));
  try {
    const later: Tx["later"] = async (query, given) => send(query(session.db, given));
    const result = await perform({ db: session.db, touch: (key) => touched.add(key), later }, job);
    if (touched.size > 0) send(notify(session, [...touched]));
    const { command } = await session.query("commit");
    await Promise.all(sent);
    if (command !== "COMMIT") throw new Error("the transaction was given up under way");
    return { result, touched: [...touched] };
  } catch (error) {
    // What failed first made all that came after it fail.
    const cause = session.failure ?? error;
    await session.query("rollback").catch(() => undefined);
    throw cause;
  }
}

/** Reads that were seen to ask more than one question, which have a transaction from then on. */
const several = new Set<OperationName>();

/** As of now, and the same throughout. `told` hears the result before the snapshot is given back. */
export async function read(session: Session, job: Job, told: (result: unknown) => void): Promise<void> {
  if (!several.has(job.name) && (await readAlone(session, job, told))) return;
  several.add(job.name);
  await readTogether(session, job, told);
}

/** One question is a snapshot by itself. False: there were more, and nobody was told anything. */
async function readAlone(session: Session, job: Job, told: (result: unknown) => void): Promise<boolean> {
  session.start(1);
  try {
    told(await perform(reading(session), job));
    return true;
  } catch (error) {
    if (error instanceof OneTooMany) return false;
    throw error;
  }
}

async function readTogether(session: Session, job: Job, told: (result: unknown) => void): Promise<void> {
  session.start(Infinity);
  const begun = session.query(BEGIN.read);
  begun.catch(() => undefined);
  try {
    const result = await perform(reading(session), job);
    await begun;
    told(result);
  } catch (error) {
    throw session.failure ?? error;
  } finally {
    await session.query("rollback");
  }
}

function reading({ db }: Session): Tx {
  return { db, touch: () => undefined, later: () => Promise.reject(new Error("a read changes nothing")) };
}

function perform(tx: Tx, { name, args }: Job): Promise<unknown> {
  // The pair comes from `Store.run`, where the compiler has seen that they fit.
  return registry[name].run(tx, args as never);
}
