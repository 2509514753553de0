import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "../../model/errors.ts";
import { endProcess, inspect } from "./processes.ts";

/** Kept in `server.json` beside the database: which process serves it, for whom, and the port it is known by. */
export interface Claim {
  readonly pid: number;
  /** Process that started the server and stops it. */
  readonly owner: number;
  readonly port: number;
  readonly ui: number | null;
}

const GRACE_MS = 5_000;

/**
 * Makes sure that no other server works on `database`, and returns the last claim for its ports. A server whose owner was killed is
 * ended; one whose owner lives is a `conflict`: SQLite would let two servers into one database, and both would be wrong.
 */
export async function releaseDatabase(folder: string, database: string): Promise<Claim | null> {
  const last = await readClaim(folder);
  if (last === null) return null;
  const isRunning = async (): Promise<boolean> => (await inspect(last.pid))?.command.includes(database) ?? false;
  if (!(await isRunning())) return last;
  if ((await inspect(last.pid))?.parent === last.owner) {
    throw new PosternError("conflict", `the data directory of \`${database}\` is in use by process ${last.owner}`, {
      fix: "stop that process, or set POSTERN_DATA to another directory",
    });
  }
  await endProcess(last.pid, isRunning, GRACE_MS);
  return last;
}

export async function writeClaim(folder: string, claim: Claim): Promise<void> {
  const file = join(folder, "server.json");
  await writeFile(`${file}.new`, `${JSON.stringify(claim)}\n`);
  await rename(`${file}.new`, file);
}

/** An unreadable claim is no claim: it holds nothing that cannot be chosen again. */
async function readClaim(folder: string): Promise<Claim | null> {
  try {
    const claim = JSON.parse(await readFile(join(folder, "server.json"), "utf8")) as Partial<Claim>;
    const { pid, owner, port, ui } = claim;
    if (![pid, owner, port].every(Number.isInteger)) return null;
    return { pid: pid!, owner: owner!, port: port!, ui: ui ?? null };
  } catch {
    return null;
  }
}
