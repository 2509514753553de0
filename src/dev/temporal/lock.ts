import { rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const BEAT_MS = 2_000;
const STALE_MS = 15_000;
const LOOK_MS = 250;

/**
 * Runs `work` while holding the lock file `path`, waiting for whoever holds it. A holder that died is noticed by its
 * missing heart-beat (15 s), so the lock also works between containers that share a directory but not process ids.
 * Two holders are possible only when a beat was late by that much: what is done under the lock must end in an atomic rename.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, onWait: () => void = () => {}): Promise<T> {
  await acquire(path, onWait);
  const beat = setInterval(() => void touch(path), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function acquire(path: string, onWait: () => void): Promise<void> {
  for (let waited = false; !(await create(path)); waited = true) {
    if (!waited) onWait();
    if (await isStale(path)) await steal(path);
    else await delay(LOOK_MS);
  }
}

async function create(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > STALE_MS;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** By rename: of several that saw the same stale file, one removes it. */
async function steal(path: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  await rename(path, aside).catch(() => {});
  await rm(aside, { force: true });
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
