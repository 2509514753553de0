import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freeSpace } from "../src/free-space.ts";

it("the disk is looked at again after half a second, also when it did not answer", async () => {
  const path = await mkdtemp(join(tmpdir(), "postern-space-"));
  let now = 1_000;
  const free = freeSpace(path, () => now);
  const first = free();
  expect(await first).toBeGreaterThan(0);
  now += 499;
  expect(free()).toBe(first);
  await rm(path, { recursive: true });
  now += 1;
  const second = free();
  expect(second).not.toBe(first);
  await expect(second).rejects.toThrow("ENOENT");
  now += 500;
  await expect(free()).rejects.toThrow("ENOENT");
});
