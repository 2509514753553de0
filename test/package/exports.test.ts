import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";

// What users may name. A line that goes or changes breaks somebody: reviewed, and written only by POSTERN_RECORD=1.

const ROOT = new URL("../../", import.meta.url);
const GOLDEN = new URL("exports.txt", import.meta.url);
const ENTRIES: Readonly<Record<string, string>> = {
  postern: "src/index.ts",
  "postern/client": "src/client.ts",
  "postern/testing": "src/testing.ts",
  "postern/workflows": "workflows/index.ts",
};

/** Names that a module exports, `type` before those that are gone at run time. */
function namesIn(source: string): string[] {
  const listed = [...source.matchAll(/^export (type )?\{([^}]*)\}/gms)].flatMap(([, isType = "", names = ""]) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => (name.startsWith("type ") || isType === "" ? name : `type ${name}`)),
  );
  const spaces = [...source.matchAll(/^export type \* as (\w+)/gm)].map(([, name]) => `type ${name}`);
  const types = [...source.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => `type ${name}`);
  const values = [...source.matchAll(/^export (?:async )?(?:function|class|const) (\w+)/gm)].map(([, name]) => name!);
  return [...listed, ...spaces, ...types, ...values].toSorted();
}

it("X-30 the exports of the package are the reviewed ones", async () => {
  const manifest = JSON.parse(await readFile(new URL("package.json", ROOT), "utf8")) as { exports: object };
  const paths = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
  expect(paths.map((path) => `postern${path.slice(1)}`).toSorted()).toEqual(Object.keys(ENTRIES));
  const sections = await Promise.all(
    Object.entries(ENTRIES).map(async ([entry, path]) => {
      const names = namesIn(await readFile(new URL(path, ROOT), "utf8"));
      return `${entry}\n${names.map((name) => `  ${name}\n`).join("")}`;
    }),
  );
  const current = sections.join("\n");
  if (process.env["POSTERN_RECORD"] === "1") await writeFile(GOLDEN, current);
  expect(current).toBe(await readFile(GOLDEN, "utf8"));
});
