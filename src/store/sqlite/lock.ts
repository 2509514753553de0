import { DatabaseSync } from "node:sqlite";
import { PosternError } from "../../model/errors.ts";
import { toFault } from "./fault.ts";

export interface Lock {
  release(): void;
}

/**
 * One Postern per database: the watch tells only of this process's writes. Held as SQLite's exclusive lock on a file
 * beside it, which the operating system frees however the process ends.
 */
export function lockDatabase(path: string): Lock {
  const connection = open(path);
  try {
    connection.exec("pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive");
    return { release: () => connection.close() };
  } catch (error) {
    connection.close();
    throw toFault(error).temporary ? taken(path) : error;
  }
}

function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(`${path}.lock`, { timeout: 0 });
  } catch (cause) {
    throw new PosternError("invalid_config", `cannot open the database \`${path}\``, {
      fix: "make its directory, writable for the user that runs postern",
      cause,
    });
  }
}

function taken(path: string): PosternError {
  return new PosternError("invalid_config", `another postern is using the database \`${path}\``, {
    fix: "stop it, or give this one a directory of its own in POSTERN_DATA",
  });
}
