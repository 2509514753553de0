import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, inject, it } from "vitest";
import { EXPECTED, emptyProject, install, overrides, pack, tryIt } from "../package/packed.ts";

it(
  "X-30 X-35 the packed tarball installs from the registry into an empty folder, runs in a team's worker and receives a mail",
  { timeout: 900_000 },
  async () => {
    const [tarball, project] = await Promise.all([pack(), overrides().then(emptyProject)]);
    try {
      await install(project, tarball);
      expect(await tryIt(project, inject("temporalAddress"))).toEqual(EXPECTED);
    } finally {
      await rm(dirname(tarball), { recursive: true, force: true });
      await rm(project, { recursive: true, force: true });
    }
  },
);
