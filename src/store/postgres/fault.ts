import { DatabaseError } from "pg";
import { PosternError } from "../../model/errors.ts";
import { unavailable } from "../unavailable.ts";

/**
 * What PostgreSQL, or the way to it, said to one statement. Its own messages name values of rows, so they stay here;
 * only codes and names of the schema go on.
 */
export class QueryFault extends Error {
  /** SQLSTATE; null: the server did not answer, and whether it carried the statement out is unknown. */
  readonly state: string | null;
  /** The table is another since the statement was prepared: newer code has added a column. Nothing was done. */
  readonly isOutdated: boolean;

  constructor(error: unknown, state = stateOf(error)) {
    super(summaryOf(error));
    this.name = "QueryFault";
    this.state = state;
    this.isOutdated = state === "0A000" && error instanceof DatabaseError && error.routine === "RevalidateCachedQuery";
  }
}

function stateOf(error: unknown): string | null {
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}

function summaryOf(error: unknown): string {
  if (!(error instanceof DatabaseError)) return error instanceof Error ? error.message : String(error);
  const { code, table, column, constraint, routine } = error;
  const named = Object.entries({ table, column, constraint, routine }).filter(([, name]) => name !== undefined);
  return [`SQLSTATE ${code ?? "unknown"}`, ...named.map(([what, name]) => `${what} ${name}`)].join(", ");
}

/** Serialisation failure and deadlock: nothing was done, and the same operation may succeed at once. */
export function isRepeatable(error: unknown): boolean {
  return error instanceof QueryFault && (error.state === "40001" || error.state === "40P01");
}

/** May also be the trace of a neighbour that committed first; the operation then finds its row when it is run again. */
export function isTaken(error: unknown): boolean {
  return error instanceof QueryFault && error.state === UNIQUE_VIOLATION;
}

/** The connection is of no further use, another is; nothing was done. */
export function isOutdated(error: unknown): boolean {
  return error instanceof QueryFault && error.isOutdated;
}

/** The connection is of no further use. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof QueryFault)) return false;
  return error.state === null || ["08", "57P"].some((family) => error.state?.startsWith(family));
}

/** Said once per call, whatever it was. */
export function toPosternError(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  if (!(error instanceof QueryFault)) return failed(error instanceof Error ? error.message : String(error), error);
  const { state, message } = error;
  if (state === UNIQUE_VIOLATION) return new PosternError("conflict", "there is one of these already", { detail: message });
  return state === null || isPassing(state) || error.isOutdated
    ? unavailable("the database cannot be reached or is busy", error)
    : failed(message, error);
}

function failed(detail: string, cause: unknown): PosternError {
  return new PosternError("internal", "the store failed", { detail, cause });
}

const UNIQUE_VIOLATION = "23505";
/** A server that became a standby by a fail-over, or an operator who keeps writers out. */
export const READ_ONLY = "25006";

// https://www.postgresql.org/docs/current/errcodes-appendix.html, by class: connection, transaction rollback, insufficient
// resources (also a full disk), operator intervention (also a shutdown and our statement timeout), system error.
const PASSING_CLASSES = ["08", "40", "53", "57", "58"];
/** A lock that was waited for too long, a transaction that idled too long. */
const PASSING = [READ_ONLY, "55P03", "25P03"];

function isPassing(state: string): boolean {
  return PASSING_CLASSES.includes(state.slice(0, 2)) || PASSING.includes(state);
}
