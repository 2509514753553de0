import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { WorkflowFailedError, type Client } from "@temporalio/client";
import { ActivityFailure } from "@temporalio/common";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from "@temporalio/worker";
import { inject } from "vitest";
import type { Call, inboundMessage } from "./hostile.ts";

/** A worker of somebody who may write to the namespace, with workflow code of theirs on a queue of theirs. */
export interface Hostile {
  /** Their code calls a step of ours on a queue of ours, under the name of a workflow of ours. */
  call(type: string, taskQueue: string, step: string, ...args: readonly unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

export async function startHostile(client: Client): Promise<Hostile> {
  const connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  const queue = `hostile-${randomBytes(6).toString("hex")}`;
  const workflowsPath = fileURLToPath(new URL("hostile.ts", import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger("WARN") });
  const worker = await Worker.create({ connection, taskQueue: queue, workflowBundle });
  const running = worker.run();
  return {
    call(type, taskQueue, step, ...args) {
      const call: Call = { step, taskQueue, args };
      return client.workflow.execute<typeof inboundMessage>(type, {
        workflowId: `hostile-${randomBytes(8).toString("hex")}`,
        taskQueue: queue,
        args: [call],
      });
    },
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}

/** Why a run failed: the failure of its step. */
export async function failureOf(run: Promise<unknown>): Promise<unknown> {
  const error = await run.then(
    () => new Error("the run did not fail"),
    (thrown: unknown) => thrown,
  );
  const why = error instanceof WorkflowFailedError ? error.cause : error;
  return why instanceof ActivityFailure ? why.cause : why;
}

export const UNTRUSTED = { type: "untrusted_start", nonRetryable: true, message: "untrusted_start" };
