import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Client } from "@temporalio/client";
import { bundleWorkflowCode, DefaultLogger, NativeConnection } from "@temporalio/worker";
import { compressionTo } from "../../../src/temporal-connection.ts";
import { UnwatchedWorker } from "../../../src/unwatched-worker.ts";
import { WORKER_BOUNDS } from "../../../src/worker.ts";
import { timed } from "../figures.ts";
import { createEmptyActivities } from "./activities.ts";

export interface EmptyRuns {
  readonly count: number;
  readonly atOnce: number;
  readonly workflow: "empty" | "emptySending";
  /** How the caller hears of the end: from the last step in this process, or from the server. */
  readonly told: "step" | "server";
}

export interface Empty {
  run(runs: EmptyRuns): Promise<{ readonly ms: number; readonly each: readonly number[] }>;
  close(): Promise<void>;
}

const QUEUE = "empty";

/** A worker of the empty workflows in this process, and who starts them. */
export async function startEmpty(temporal: string): Promise<Empty> {
  const connection = await NativeConnection.connect({ address: temporal, ...compressionTo(temporal) });
  const ended = new Map<string, () => void>();
  const worker = await UnwatchedWorker.create({
    connection,
    taskQueue: QUEUE,
    activities: createEmptyActivities((input) => ended.get((input as { id: string }).id)?.()),
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL("./workflow.ts", import.meta.url)),
      logger: new DefaultLogger("WARN"),
    }),
    ...WORKER_BOUNDS,
  });
  const running = worker.run();
  const client = new Client({ connection }).workflow;
  const runOne = async (id: string, { workflow, told }: EmptyRuns): Promise<void> => {
    const lastStep = new Promise<void>((resolve) => ended.set(id, resolve));
    const handle = await client.start(workflow, { workflowId: id, taskQueue: QUEUE, args: [{ id }], requestEagerStart: true });
    await (told === "step" ? lastStep : handle.result());
    ended.delete(id);
  };
  return {
    run: (runs) =>
      timed(
        Array.from({ length: runs.count }, () => `empty-${randomUUID()}`),
        runs.atOnce,
        (id) => runOne(id, runs),
      ),
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
