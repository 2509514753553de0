import { pathToFileURL } from "node:url";
import { oneFile, ROOT, startersAnew } from "./one-file.ts";

/** How every module that starts threads names its entry, beside it. */
const ENTRY = '.endsWith(".ts") ? "./thread.ts"';

/** Entries of threads, by the module that starts them. */
const STARTERS: Readonly<Record<string, string>> = {
  "src/store/sqlite/store.ts": "src/store/sqlite/thread.ts",
  "src/threads/lane.ts": "src/threads/thread.ts",
  "src/threads/composer/pool.ts": "src/threads/composer/thread.ts",
};

/**
 * Threads that are started in a test's own process load one file instead of some three hundred modules: there are hundreds of
 * these threads, and that was a quarter of the processor time of a run.
 */
export function threadsAsOneFile() {
  return {
    name: "postern:threads-as-one-file",
    enforce: "pre" as const,
    configureVitest: startersAnew(STARTERS),
    async transform(code: string, id: string): Promise<string | null> {
      const entry = id.startsWith(ROOT) ? STARTERS[id.slice(ROOT.length)] : undefined;
      if (entry === undefined) return null;
      if (!code.includes(ENTRY)) throw new Error(`${id} starts a thread by another name than ${ENTRY}`);
      return code.replace(ENTRY, `.endsWith(".ts") ? ${JSON.stringify(pathToFileURL(await oneFile(entry)).href)}`);
    },
  };
}
