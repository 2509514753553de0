import "../support/quiet.ts";
import { randomBytes } from "node:crypto";
import { Client } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { expect, inject, it, onTestFinished } from "vitest";
import { WORKFLOW } from "../../src/model/names.ts";
import type { SendStep } from "../../src/model/outbound.ts";
import { workflowBundle } from "../support/bundle.ts";

it("a quick go that fails is tried again by the regular step", async () => {
  const connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  onTestFinished(() => connection.close());
  const asked: string[] = [];
  const taskQueue = `quick-${randomBytes(6).toString("hex")}`;
  const worker = await Worker.create({
    ...{ connection, taskQueue, workflowBundle: await workflowBundle() },
    activities: {
      posternScreen: async () => ({ kind: "go", quick: true }),
      posternSendQuick: () => Promise.reject(new Error("the store is away")),
      posternSend: async (): Promise<SendStep> => {
        asked.push("posternSend");
        return { kind: "done", state: "sent", copy: false };
      },
    },
  });
  const running = worker.run();
  onTestFinished(async () => {
    worker.shutdown();
    await running;
  });
  const client = new Client({ connection });
  const options = { taskQueue, workflowId: taskQueue, args: [{ tenant: "ten_1", mailbox: "mbx_1", draft: "drf_1", send_at: null }] };
  expect(await client.workflow.execute(WORKFLOW.outboundMessage, options)).toEqual({ state: "sent" });
  expect(asked).toEqual(["posternSend"]);
});
