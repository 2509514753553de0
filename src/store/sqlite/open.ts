import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Milliseconds to wait for a lock, e.g. while somebody takes a backup with another tool. */
const BUSY_TIMEOUT = 5000;

/**
 * INVARIANT (DESIGN §9.2): with `synchronous=FULL` a commit returns only when the log is on the disk.
 * A checkpoint every 4,000 pages (16 MiB) instead of 1,000: pages that every message changes are copied back less often.
 * `secure_delete` overwrites what is erased, so that private details do not linger in free pages. A new file is its
 * owner's alone, wherever it lies; SQLite gives the log beside it the same mode.
 */
export function openWriter(path: string): DatabaseSync {
  makePrivate(path);
  const connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, enableForeignKeyConstraints: true });
  connection.exec(`
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma secure_delete = on;
    pragma trusted_schema = off;
    pragma journal_size_limit = 67108864;
    pragma wal_autocheckpoint = 4000;
    pragma cache_size = -65536;
    pragma temp_store = memory;
  `);
  return connection;
}

// Never opens a file that is there: closing it again would drop the locks that this process has on it.
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "ax", 0o600));
  } catch {
    // There already, or SQLite will say what is wrong.
  }
}

export function openReader(path: string): DatabaseSync {
  const connection = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT });
  // Not mapped: after every commit of the writer SQLite would unmap the file and map it again, which costs a quick question
  // more than to read its few pages.
  connection.exec(`
    pragma query_only = on;
    pragma trusted_schema = off;
    pragma cache_size = -65536;
    pragma temp_store = memory;
  `);
  return connection;
}
