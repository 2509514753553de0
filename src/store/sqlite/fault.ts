import { ERROR_CODES, PosternError, type ErrorCode, type Problem } from "../../model/errors.ts";
import { unavailable } from "../unavailable.ts";

/** A `PosternError` on its way between threads: classes do not survive the passage. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly temporary: boolean;
  readonly fix: string | undefined;
  readonly detail: string | undefined;
  readonly problems: readonly Problem[];
}

export function toFault(error: unknown): Fault {
  const { code, message, temporary, fix, detail, problems } = toPosternError(error);
  return { code, message, temporary, fix, detail, problems };
}

export function fromFault({ code, message, temporary, fix, detail, problems }: Fault): PosternError {
  return new PosternError(code, message, {
    temporary,
    problems,
    ...(fix === undefined ? {} : { fix }),
    ...(detail === undefined ? {} : { detail }),
  });
}

function toPosternError(error: unknown): PosternError {
  if (isPosternError(error)) return error;
  const errcode = sqliteCode(error);
  if (errcode === null) return new PosternError("internal", "the store failed", { detail: detailOf(error), cause: error });
  return fromSqlite(errcode, error);
}

// SQLite extended result codes, https://www.sqlite.org/rescode.html; the low byte is the primary code.
function fromSqlite(errcode: number, error: unknown): PosternError {
  if (errcode === UNIQUE || errcode === PRIMARY_KEY) {
    return new PosternError("conflict", "there is one of these already", { detail: detailOf(error), cause: error });
  }
  switch (errcode & 0xff) {
    case BUSY:
    case LOCKED:
      return unavailable("the database is locked", error);
    case NO_MEMORY:
    case READ_ONLY:
    case IO_ERROR:
    case FULL:
    case CANNOT_OPEN:
      return unavailable("the database cannot be read or written", error);
    default:
      return new PosternError("internal", "the store failed", { detail: detailOf(error), cause: error });
  }
}

const BUSY = 5;
const LOCKED = 6;
const NO_MEMORY = 7;
const READ_ONLY = 8;
const IO_ERROR = 10;
const FULL = 13;
const CANNOT_OPEN = 14;
const PRIMARY_KEY = 1555;
const UNIQUE = 2067;

function isPosternError(error: unknown): error is PosternError {
  return error instanceof PosternError && ERROR_CODES.includes(error.code);
}

function sqliteCode(error: unknown): number | null {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode : null;
}

// SQLite names tables and columns in its messages, never values.
function detailOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause ?? "");
}
