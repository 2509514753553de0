import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));
const FOLDER = fileURLToPath(new URL("../../node_modules/.cache/postern-threads/", import.meta.url));
/** How every module that starts threads names its entry, beside it. */
const ENTRY = '.endsWith(".ts") ? "./thread.ts"';

/** Entries of threads, by the module that starts them. */
const STARTERS: Readonly<Record<string, string>> = {
  "store/sqlite/store.ts": "store/sqlite/thread.ts",
  "threads/lane.ts": "threads/thread.ts",
  "threads/composer/pool.ts": "threads/composer/thread.ts",
};

/**
 * Threads that are started in a test's own process load one file instead of some three hundred modules: there are hundreds of
 * these threads, and that was a quarter of the processor time of a run. Child processes run the source as it is.
 */
export function threadsAsOneFile() {
  return {
    name: "postern:threads-as-one-file",
    enforce: "pre" as const,
    async transform(code: string, id: string): Promise<string | null> {
      const entry = id.startsWith(SRC) ? STARTERS[id.slice(SRC.length)] : undefined;
      if (entry === undefined) return null;
      if (!code.includes(ENTRY)) throw new Error(`${id} starts a thread by another name than ${ENTRY}`);
      return code.replace(ENTRY, `.endsWith(".ts") ? ${JSON.stringify(pathToFileURL(await fileOf(entry)).href)}`);
    },
  };
}

const files = new Map<string, Promise<string>>();

/** Made once a run, for all projects. */
function fileOf(entry: string): Promise<string> {
  const made = files.get(entry) ?? makeFile(entry);
  files.set(entry, made);
  return made;
}

/** Under the same name every time: the cache of compiled code goes by it. Whole or not at all: another run may be loading it. */
async function makeFile(entry: string): Promise<string> {
  const name = `${entry.replaceAll("/", "-").replace(/\.ts$/, "")}.mjs`;
  const part = join(FOLDER, `${process.pid}-${name}`);
  await mkdir(FOLDER, { recursive: true });
  const bundle = await rolldown({ input: join(SRC, entry), platform: "node" });
  try {
    await bundle.write({ file: part, format: "esm", codeSplitting: false });
    await rename(part, join(FOLDER, name));
  } finally {
    await bundle.close();
    await rm(part, { force: true });
  }
  return join(FOLDER, name);
}
