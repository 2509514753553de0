import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PosternError } from "../model/errors.ts";

export interface Lock {
  release(): void;
}

/**
 * One writer per root: another one would empty a journal that is still written. Held as SQLite's exclusive lock on a
 * file, which the operating system frees however the process ends. Throws `invalid_config` when it is taken.
 */
export function lockRoot(root: string): Lock {
  const connection = new DatabaseSync(join(root, "lock"), { timeout: 0 });
  try {
    connection.exec("pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive");
    return { release: () => connection.close() };
  } catch (error) {
    connection.close();
    throw isBusy(error) ? taken(root) : error;
  }
}

/** SQLITE_BUSY, also with more detail in the higher bits. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" && (error.errcode & 0xff) === 5;
}

function taken(root: string): PosternError {
  return new PosternError("invalid_config", `another postern is using the blob directory \`${root}\``, {
    fix: "stop it, or give this one a directory of its own in POSTERN_DATA",
  });
}
