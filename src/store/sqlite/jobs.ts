import type { Kysely } from "kysely";
import type { DatabaseSync } from "node:sqlite";
import { registry } from "../registry.ts";
import type { OperationName } from "../contract.ts";
import type { Query } from "../once.ts";
import type { Known } from "../operation.ts";
import type { Database } from "../schema.ts";
import { unavailable } from "../unavailable.ts";
import { toFault, type Fault } from "./fault.ts";

/** One operation asked for, and what came of it. */
export interface Job {
  readonly id: number;
  readonly name: OperationName;
  readonly args: unknown;
}

export type Answer =
  { readonly id: number; readonly ok: true; readonly result: unknown } | { readonly id: number; readonly ok: false; readonly fault: Fault };

/** A key that has moved, and what reading it finds from now on, where that is known. */
export interface Touched {
  readonly key: string;
  readonly known?: Known;
}

export interface Outcome {
  readonly answers: readonly Answer[];
  /** Watch keys moved by what was committed, each once, as the last of the jobs left it. */
  readonly touched: readonly Touched[];
}

export interface Connection {
  readonly sqlite: DatabaseSync;
  readonly db: Kysely<Database>;
}

/**
 * Many operations, one commit: the disk is waited for once. One that fails takes nothing from its neighbours: then all
 * begin anew, each with a savepoint, which costs a fifth and is seldom needed. INVARIANT: the outcome exists only after
 * COMMIT; if that fails, or SQLite gave the transaction up under way (full disk, I/O error), every job of the batch has failed.
 */
export async function writeJobs(connection: Connection, jobs: readonly Job[]): Promise<Outcome> {
  const { sqlite } = connection;
  try {
    const done = (await writeTogether(connection, jobs)) ?? (await writeApart(connection, jobs));
    return { answers: done.map(({ answer }) => answer), touched: lastOfEach(done.flatMap(({ touched }) => touched)) };
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec("rollback");
    const fault = toFault(unavailable("the database did not take the change", error));
    return { answers: jobs.map(({ id }) => ({ id, ok: false, fault })), touched: [] };
  }
}

/** Each in a snapshot of its own: as of now, and the same throughout. */
export async function readJobs(connection: Connection, jobs: readonly Job[]): Promise<Outcome> {
  const answers: Answer[] = [];
  for (const job of jobs) answers.push(await readJob(connection, job));
  return { answers, touched: [] };
}

function lastOfEach(touched: readonly Touched[]): readonly Touched[] {
  return [...new Map(touched.map((each) => [each.key, each])).values()];
}

interface Done {
  readonly answer: Answer;
  readonly touched: readonly Touched[];
}

/** Null when one of them failed: nothing has happened. */
async function writeTogether({ sqlite, db }: Connection, jobs: readonly Job[]): Promise<readonly Done[] | null> {
  sqlite.exec("begin immediate");
  const done: Done[] = [];
  try {
    for (const job of jobs) {
      const { result, touched } = await perform(db, job);
      done.push({ answer: { id: job.id, ok: true, result }, touched });
    }
  } catch {
    if (sqlite.isTransaction) sqlite.exec("rollback");
    return null;
  }
  sqlite.exec("commit");
  return done;
}

async function writeApart(connection: Connection, jobs: readonly Job[]): Promise<readonly Done[]> {
  const { sqlite } = connection;
  sqlite.exec("begin immediate");
  const done: Done[] = [];
  for (const job of jobs) done.push(await writeJob(connection, job));
  sqlite.exec("commit");
  return done;
}

async function writeJob({ sqlite, db }: Connection, job: Job): Promise<Done> {
  sqlite.exec("savepoint job");
  try {
    const { result, touched } = await perform(db, job);
    sqlite.exec("release job");
    return { answer: { id: job.id, ok: true, result }, touched };
  } catch (error) {
    // Throws when the transaction is gone, and then the whole batch is.
    sqlite.exec("rollback to job; release job");
    return { answer: { id: job.id, ok: false, fault: toFault(error) }, touched: [] };
  }
}

async function readJob({ sqlite, db }: Connection, job: Job): Promise<Answer> {
  try {
    sqlite.exec("begin");
    const { result } = await perform(db, job);
    return { id: job.id, ok: true, result };
  } catch (error) {
    return { id: job.id, ok: false, fault: toFault(error) };
  } finally {
    if (sqlite.isTransaction) sqlite.exec("rollback");
  }
}

async function perform(
  db: Connection["db"],
  { name, args }: Job,
): Promise<{ readonly result: unknown; readonly touched: readonly Touched[] }> {
  const touched: Touched[] = [];
  const touch = (key: string, known?: Known<never>): void => void touched.push(known === undefined ? { key } : { key, known });
  // At once: after a statement that failed SQLite may have given the transaction up, and the next would stand alone.
  const later = async <Given extends object>(query: Query<Given, unknown>, given: Given) => void (await query(db, given));
  // The pair comes from `Store.run`, where the compiler has seen that they fit.
  const result = await registry[name].run({ db, touch, later }, args as never);
  return { result, touched };
}
