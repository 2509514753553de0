import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { HISTORIES } from "./histories.ts";
import { endOf, historyOf, openWorld, PATHS, type World } from "./paths.ts";

const asked = process.env["POSTERN_RECORD"] === "1";
const directory = join(HISTORIES, VERSION);
let world: World | undefined;

beforeAll(async () => {
  if (asked) world = await openWorld();
  if (asked) await mkdir(directory, { recursive: true });
});
afterAll(() => world?.close());

// What is stored is what later code must replay, so it is only written anew on purpose: once for each version.
describe.runIf(asked)("histories are recorded on purpose only: POSTERN_RECORD=1", () => {
  it.each(PATHS)("$name", async (path) => {
    const run = await path.walk(world!);
    expect(await endOf(world!, run)).toMatchObject(path.ends);
    await writeFile(join(directory, `${path.name}.json`), `${await historyOf(world!, run)}\n`);
  });
});
