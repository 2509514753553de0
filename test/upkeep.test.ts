import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { expect, inject, it, onTestFinished } from "vitest";
import { HOURLY_ID } from "../src/model/names.ts";
import { upkeepNow, upkeepSoon } from "../src/upkeep.ts";
import { Instance, uniqueQueues } from "./support/instance.ts";
import { begun } from "./support/schedules.ts";

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

it("X-06 what a machine that went down has left behind is looked for soon after a start, unless that is called off or the schedule paused", async () => {
  const instance = await Instance.start();
  onTestFinished(() => instance.close());
  const connection = await Connection.connect({ address: inject("temporalAddress") });
  onTestFinished(() => connection.close());
  const client = new Client({ connection });
  const { taskQueues } = instance;
  const hourly = client.schedule.getHandle(`${HOURLY_ID}-${taskQueues.main}`);
  upkeepSoon(client, taskQueues, 0)();
  await hourly.pause();
  expect(await upkeepNow(client, taskQueues)).toBe(false);
  await hourly.unpause();
  upkeepSoon(client, taskQueues, 0);
  expect(await client.workflow.getHandle(await begun(hourly)).result()).toEqual({ revived: 0, erased: 0, collected: 0 });
  expect((await hourly.describe()).info.numActionsTaken).toBe(1);
});
