import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Instance, uniqueQueues } from "./support/instance.ts";

it("two databases behind one task queue are refused, the same database again is not", async () => {
  const taskQueues = uniqueQueues();
  const dataDir = await mkdtemp(join(tmpdir(), "postern-two-"));
  try {
    const first = await Instance.start({ dataDir, serve: { taskQueues } });
    await expect(Instance.start({ serve: { taskQueues } })).rejects.toMatchObject({
      code: "invalid_config",
      fix: expect.stringContaining("TEMPORAL_NAMESPACE"),
    });
    await first.close();
    const again = await Instance.start({ dataDir, serve: { taskQueues } });
    await again.close();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
