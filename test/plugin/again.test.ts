import "../support/quiet.ts";
import { randomBytes } from "node:crypto";
import { Client, Connection, ScheduleNotFoundError } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createTestPostern } from "../../src/testing.ts";
import { teamBundle } from "./team.ts";

const address = inject("temporalAddress");
let native: NativeConnection;
let connection: Connection;

beforeAll(async () => {
  native = await NativeConnection.connect({ address });
  connection = await Connection.connect({ address });
});
afterAll(async () => {
  await native.close();
  await connection.close();
});

async function isScheduled(id: string): Promise<boolean> {
  try {
    await new Client({ connection }).schedule.getHandle(id).describe();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

describe("PB-23 a test instance leaves its server as it was", () => {
  it("so that the next one begins on the same task queue of the same worker", async () => {
    const taskQueue = `again-${randomBytes(6).toString("hex")}`;
    const workflowBundle = await teamBundle();
    for (const time of ["first", "second"]) {
      const postern = await createTestPostern({
        temporal: { address },
        worker: (plugin) => Worker.create({ connection: native, taskQueue, workflowBundle, plugins: [plugin] }),
      });
      expect(await isScheduled(`postern-upkeep-${taskQueue}`), time).toBe(true);
      await postern.close();
      expect(await isScheduled(`postern-upkeep-${taskQueue}`), time).toBe(false);
      expect(await isScheduled(`postern-hourly-${taskQueue}`), time).toBe(false);
    }
  });
});
