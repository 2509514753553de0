import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { EXPECTED, emptyProject, link, pack, tryIt, typeCheck } from "./packed.ts";

let tarball: string;
let project: string;
beforeAll(async () => {
  [tarball, project] = await Promise.all([pack(), emptyProject()]);
  await link(project, tarball);
}, 120_000);
afterAll(async () => {
  await rm(dirname(tarball), { recursive: true, force: true });
  await rm(project, { recursive: true, force: true });
});

// Its dependencies are linked from here; `npm run soak` installs them.
describe("X-30 X-35 the packed tarball in an empty folder", () => {
  it("bundles, runs one worker with a team's workflows and ours, and receives a mail", { timeout: 120_000 }, async () => {
    expect(await tryIt(project, inject("temporalAddress"))).toEqual(EXPECTED);
  });

  it("has types that a user's compiler takes", { timeout: 60_000 }, async () => {
    await expect(typeCheck(project)).resolves.toBeUndefined();
  });
});
