import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Something with everything it was made of: paths of files and folders, and of what was looked for and not there. */
export interface Made<T> {
  readonly value: T;
  readonly read: readonly string[];
  readonly absent: readonly string[];
}

/** A file system's clock is that of the system as it was some milliseconds ago. */
const COARSE_MS = 100;

const CHANGED = Symbol("changed");

interface Kept<T> {
  readonly value: T;
  /** SHA-256 by path. */
  readonly read: Readonly<Record<string, string>>;
  readonly absent: readonly string[];
}

/**
 * What `make` makes (as JSON can hold it), from `file` where it is kept. INVARIANT: only while every file it was made of
 * has the same bytes, and what was absent is. Never rejects for what is kept or cannot be: then it is made.
 *
 * Threat: whoever can write `file` says what is made. It belongs where they could as well change the code that makes it.
 */
export async function kept<T>(file: string, make: () => Promise<Made<T>>): Promise<T> {
  const before = await readKept<T>(file).catch(() => null);
  if (before !== null) return before.value;
  const began = Date.now();
  const made = await make();
  // Whoever starts next makes it again; nothing else is lost.
  await keep(file, made, began).catch(() => undefined);
  return made.value;
}

async function readKept<T>(file: string): Promise<Kept<T> | null> {
  const found = JSON.parse(await readFile(file, "utf8")) as Kept<T>;
  const same = await Promise.all(Object.entries(found.read).map(async ([path, digest]) => (await digestOf(path)) === digest));
  const absent = await Promise.all(found.absent.map(isAbsent));
  return [...same, ...absent].every(Boolean) ? found : null;
}

async function keep<T>(file: string, { value, read, absent }: Made<T>, began: number): Promise<void> {
  const found = await Promise.all(read.map((path) => lookAt(path, began)));
  // Which of its bytes went into it, nobody can say.
  if (found.includes(CHANGED)) return;
  const digests = read.flatMap((path, place) => (found[place] === null ? [] : [[path, found[place]]]));
  const whole: Kept<T> = { value, read: Object.fromEntries(digests), absent };
  const part = `${file}.${randomBytes(6).toString("hex")}`;
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(part, JSON.stringify(whole));
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
}

/** The digest of a file; null for a folder, and for what the maker has in memory only. */
async function lookAt(path: string, began: number): Promise<string | typeof CHANGED | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) return null;
  return found.ctimeMs >= began - COARSE_MS ? CHANGED : digestOf(path);
}

async function digestOf(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

function isAbsent(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    () => true,
  );
}
