import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { policyJsonSchema, policyReference } from "../../policies/reference.ts";
import { threatTable } from "../../policies/threats.ts";
import { clientTypes } from "./client-types.ts";
import { settingsTable } from "./settings-table.ts";

// Everything that is generated from source: `node src/dev/generate.ts --write`, and `--check` in CI.

const ROOT = new URL("../../", import.meta.url);

interface Generated {
  readonly path: string;
  readonly current: string;
  readonly wanted: string;
}

/** Files whose content does not follow from the source, as they are and as they should be. */
export async function staleFiles(root: URL = ROOT): Promise<readonly Generated[]> {
  const files = [await schemaFile(root), await clientTypesFile(root), await readme(root)];
  return files.filter(({ current, wanted }) => current !== wanted);
}

async function schemaFile(root: URL): Promise<Generated> {
  const path = "policies/schema.json";
  return { path, current: await read(root, path), wanted: `${JSON.stringify(policyJsonSchema(), null, 2)}\n` };
}

async function clientTypesFile(root: URL): Promise<Generated> {
  const path = "src/client-types.generated.ts";
  return { path, current: await read(root, path), wanted: await clientTypes() };
}

/** A README without the markers is left as it is. */
async function readme(root: URL): Promise<Generated> {
  const path = "README.md";
  const current = await read(root, path);
  const sections: Readonly<Record<string, string>> = {
    agent: `\`\`\`ts\n${(await read(root, "src/dev/agent.ts")).trim()}\n\`\`\``,
    "workflow-agent": await example(root, "scheduling"),
    "workflow-worker": await example(root, "scheduling-worker"),
    "policy-reference": policyReference(),
    settings: settingsTable(),
    threats: threatTable(),
  };
  const wanted = Object.entries(sections).reduce((text, [name, content]) => replaceBetween(text, name, content), current);
  return { path, current, wanted };
}

async function example(root: URL, name: string): Promise<string> {
  return `\`\`\`ts\n// ${name}.ts\n${(await read(root, `test/examples/${name}.ts`)).trim()}\n\`\`\``;
}

/** `text` with what stands between `<!-- name:start -->` and `<!-- name:end -->` replaced. */
export function replaceBetween(text: string, name: string, content: string): string {
  const start = `<!-- ${name}:start -->`;
  const from = text.indexOf(start);
  const to = text.indexOf(`<!-- ${name}:end -->`, from);
  return from < 0 || to < 0 ? text : `${text.slice(0, from + start.length)}\n\n<!-- prettier-ignore -->\n${content}\n\n${text.slice(to)}`;
}

async function read(root: URL, path: string): Promise<string> {
  try {
    return await readFile(new URL(path, root), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

async function main(mode: string | undefined): Promise<number> {
  if (mode !== "--check" && mode !== "--write") {
    console.error("usage: node src/dev/generate.ts --check|--write");
    return 2;
  }
  const stale = await staleFiles();
  if (mode === "--write") for (const { path, wanted } of stale) await writeFile(new URL(path, ROOT), wanted);
  for (const { path } of stale)
    console.log(mode === "--write" ? `wrote ${path}` : `${path} is stale; fix: node src/dev/generate.ts --write`);
  return mode === "--check" && stale.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv[2]);
