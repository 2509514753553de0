import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { startChild } from "../../src/dev/temporal/child.ts";

it("the embedded server is given none of the gate's keys", async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-child-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("POSTERN_ADMIN_KEY", "pst_live_canary");
  vi.stubEnv("KEPT", "yes");
  const log = join(folder, "log");
  const child = await startChild("/bin/sh", ["-c", "env"], log);
  expect(await child.exited).toMatchObject({ code: 0 });
  const env = await readFile(log, "utf8");
  expect(env).toContain("KEPT=yes");
  expect(env).not.toContain("POSTERN_");
});
