import { posix } from "node:path";
import { pathToFileURL } from "node:url";
import { oneFile, ROOT, startersAnew } from "./one-file.ts";
import { threadsAsOneFile } from "./threads.ts";

/** Where tests start a process more than once or twice, and the entry as the module there names it. */
const STARTERS: Readonly<Record<string, string>> = {
  "test/activities/send-killed.test.ts": "./send-process.ts",
  "test/channels/killed.test.ts": "../../src/cli/main.ts",
  "test/durability/service.ts": "./service-process.ts",
  "test/invariants/service.ts": "../../src/cli/main.ts",
};

/**
 * Processes that tests start by the dozen load one file, in their threads too, instead of some nine hundred modules of source:
 * that was half of what a start costs. `npm start` and the `postern` of other tests run the source as it is.
 */
export function processesAsOneFile() {
  return {
    name: "postern:processes-as-one-file",
    enforce: "pre" as const,
    configureVitest: startersAnew(STARTERS),
    async transform(code: string, id: string): Promise<string | null> {
      const starter = id.startsWith(ROOT) ? id.slice(ROOT.length) : "";
      const entry = STARTERS[starter];
      if (entry === undefined) return null;
      const named = `new URL(${JSON.stringify(entry)}, import.meta.url)`;
      if (!code.includes(named)) throw new Error(`${id} starts a process by another name than ${named}`);
      const file = await oneFile(posix.join(posix.dirname(starter), entry), [threadsAsOneFile(), modulesInTheirPlaces()]);
      return code.replace(named, `new URL(${JSON.stringify(pathToFileURL(file).href)})`);
    },
  };
}

/** What a module finds from where it lies, it finds from there in the one file too. */
function modulesInTheirPlaces() {
  return {
    name: "postern:modules-in-their-places",
    transform(code: string, id: string): string | null {
      if (!id.startsWith(ROOT) || !code.includes("import.meta.url")) return null;
      return code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
    },
  };
}
