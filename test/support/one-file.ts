import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown, type RolldownPluginOption } from "rolldown";
import type { VitestPluginContext } from "vitest/node";

/** This repository, with a `/` at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = join(ROOT, "node_modules/.cache/postern-one-file/");

const files = new Map<string, Promise<string>>();

/** An entry, by its path from the root, with all that it imports as one file; resolves to its path. Made once a run. */
export function oneFile(entry: string, plugins: RolldownPluginOption = []): Promise<string> {
  const made = files.get(entry) ?? makeFile(entry, plugins);
  files.set(entry, made);
  return made;
}

/** Of a plugin whose starters name such files: what was kept of them from an earlier run would start a file of older source. */
export function startersAnew(starters: object) {
  return ({ defineCacheKeyGenerator }: VitestPluginContext): void =>
    defineCacheKeyGenerator(({ id }) => (id.startsWith(ROOT) && id.slice(ROOT.length) in starters ? false : undefined));
}

/** Under the same name every time: the cache of compiled code goes by it. Whole or not at all: another run may be loading it. */
async function makeFile(entry: string, plugins: RolldownPluginOption): Promise<string> {
  const name = `${entry.replaceAll("/", "-").replace(/\.ts$/, "")}.mjs`;
  const part = join(FOLDER, `${process.pid}-${name}`);
  await mkdir(FOLDER, { recursive: true });
  // Temporal's packages look for files of theirs, and for their native part, beside themselves.
  const bundle = await rolldown({ input: join(ROOT, entry), platform: "node", external: /^@temporalio\//, plugins });
  try {
    await bundle.write({ file: part, format: "esm", codeSplitting: false });
    await rename(part, join(FOLDER, name));
  } finally {
    await bundle.close();
    await rm(part, { force: true });
  }
  return join(FOLDER, name);
}
