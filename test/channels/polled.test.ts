import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { Connection } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from "vitest";
import { unpolledOf } from "../../src/gate/polled.ts";
import { ChannelWorld } from "./world.ts";

const polled = `polled-${randomBytes(6).toString("hex")}`;
const lonely = `lonely-${randomBytes(6).toString("hex")}`;
let world: ChannelWorld;
let connection: NativeConnection;
let worker: Worker;
let running: Promise<void>;

beforeAll(async () => {
  world = await ChannelWorld.open();
  connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  worker = await Worker.create({ connection, taskQueue: polled, workflowsPath: fileURLToPath(new URL("agents.ts", import.meta.url)) });
  running = worker.run();
  while ((await unpolledOf(world.temporal.connection, "default", [polled])).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
});
afterAll(async () => {
  worker?.shutdown();
  await running;
  await connection?.close();
  await world?.close();
});

const channelTo = (task_queue: string) => ({ kind: "workflow", type: "collectingAgent", task_queue, id_per: "thread" });

async function warningsOf(...channels: readonly object[]): Promise<unknown> {
  const { id } = await world.mailbox();
  const changed = await world.postern.http.send<{ warnings: unknown; channels: unknown }>("PATCH", `/v1/mailboxes/${id}`, { channels });
  expect(changed.channels).toEqual(channels);
  return changed.warnings;
}

it("MB-15 a channel to a task queue that no worker polls is set, and its queue and namespace are named", async () => {
  const webhook = await world.webhook((await world.receiver()).url);
  expect(await warningsOf({ kind: "webhook", webhook_id: webhook.id }, channelTo(polled), channelTo(lonely))).toEqual([
    {
      path: "channels[2].task_queue",
      message: `no worker polls the task queue \`${lonely}\` in the namespace \`default\`: mail waits there until one does`,
    },
  ]);
});

it("where somebody works, and where nothing is set, nothing is said", async () => {
  expect(await warningsOf(channelTo(polled))).toEqual([]);
  expect(await warningsOf()).toEqual([]);
});

it("a Temporal that is silent is no warning, and not waited for", { timeout: 20_000 }, async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const deaf = Connection.lazy({ address: `127.0.0.1:${(silent.address() as AddressInfo).port}` });
  onTestFinished(async () => {
    await deaf.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
  const since = performance.now();
  expect(await unpolledOf(deaf, "default", [lonely, polled])).toEqual([]);
  expect(performance.now() - since).toBeLessThan(10_000);
});
