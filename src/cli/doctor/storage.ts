import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "../../config.ts";
import { PosternError } from "../../model/errors.ts";
import { MIGRATIONS } from "../../store/migrations/list.ts";
import { schemaOf } from "../../store/postgres/open.ts";
import type { DatabaseTarget } from "../../store/postgres/target.ts";
import { failed, note, ok, type Check, type Found } from "./check.ts";

const GIB = 1024 ** 3;
/** Less than this is soon gone. */
const LITTLE = GIB;

export function dataCheck({ dataDir, limits }: Config): Check {
  return { name: "data", run: () => checkData(dataDir, limits.size) };
}

async function checkData(dataDir: string, messageSize: number): Promise<Found> {
  const folder = await existing(dataDir);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    return failed(`\`${folder}\` is not writable for this user`, "make it writable, or set POSTERN_DATA to another directory");
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const shown = `${(free / GIB).toFixed(1)} GiB free`;
  // DESIGN §8: below 1.5 times the size limit every message is deferred.
  if (free < messageSize * 1.5) return failed(`\`${folder}\` has ${shown}: no mail is accepted`, "make room on that disk");
  if (free < LITTLE) return note(`\`${folder}\` is writable, only ${shown}`, "make room on that disk");
  return ok(folder === dataDir ? `writable, ${shown}` : `not made yet, \`${folder}\` is writable, ${shown}`);
}

/** The nearest directory that is there: the first start makes the rest. */
async function existing(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found !== null || dirname(path) === path ? path : existing(dirname(path));
}

export function databaseCheck({ database, dataDir }: Config): Check {
  return { name: "database", run: () => (database === undefined ? checkDatabase(join(dataDir, "postern.db")) : checkServer(database)) };
}

async function checkServer(database: DatabaseTarget): Promise<Found> {
  try {
    return foundSchema(await schemaOf(database));
  } catch (error) {
    if (error instanceof PosternError && error.fix !== undefined) return failed(error.message, error.fix);
    throw error;
  }
}

async function checkDatabase(path: string): Promise<Found> {
  if ((await stat(path).catch(() => null)) === null) return ok("not made yet, the first start makes it");
  try {
    return await readVersion(path);
  } catch (error) {
    return failed(`\`${path}\` cannot be read: ${(error as Error).message}`, "check its permissions, or restore it from a backup");
  }
}

async function readVersion(path: string): Promise<Found> {
  // Not there on the older Node that another check is to name.
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { readOnly: true, timeout: 2_000 });
  try {
    const { newest } = database.prepare("select coalesce(max(number), 0) as newest from migrations").get() as { newest: number };
    return foundSchema(newest);
  } finally {
    database.close();
  }
}

function foundSchema(newest: number): Found {
  const known = MIGRATIONS.length;
  if (newest > known)
    return failed(`schema ${newest}, this version knows up to ${known}`, "start the version that wrote it or a newer one");
  return ok(newest === known ? `schema ${newest}` : `schema ${newest}, the next start brings it to ${known}`);
}
