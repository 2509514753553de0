import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { NativeConnection, Worker } from "@temporalio/worker";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { workflowOf } from "../../src/delivery/agent-workflow.ts";
import type { MailDelivery, MailStart, WorkflowChannel } from "../../src/model/channel.ts";
import type { MailboxId, MessageId, ThreadId } from "../../src/model/ids.ts";
import { ChannelWorld, type Box } from "./world.ts";

const taskQueue = `agents-${randomBytes(6).toString("hex")}`;
let world: ChannelWorld;
let connection: NativeConnection;
let worker: Worker;
let running: Promise<void>;

beforeAll(async () => {
  world = await ChannelWorld.open({ serve: { maxCachedWorkflows: 0 } });
  connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  const workflowsPath = fileURLToPath(new URL("agents.ts", import.meta.url));
  worker = await Worker.create({ connection, taskQueue, workflowsPath, maxCachedWorkflows: 0 });
  running = worker.run();
});
afterAll(async () => {
  worker?.shutdown();
  await running;
  await connection?.close();
  await world?.close();
});

interface Heard {
  readonly start: MailStart;
  readonly heard: readonly MailDelivery[];
}

/** To a workflow of the test's own worker. */
function channelTo(type: string, id_per: WorkflowChannel["id_per"]): WorkflowChannel {
  return { kind: "workflow", type, task_queue: taskQueue, id_per };
}

const PER_THREAD = channelTo("collectingAgent", "thread");
const PER_MESSAGE = channelTo("collectingAgent", "message");

async function agentBox(...channels: readonly WorkflowChannel[]): Promise<Box> {
  const box = await world.mailbox();
  await world.setChannels(box, channels);
  return box;
}

interface Message {
  readonly id: string;
  readonly thread_id: string;
}

/** Oldest first, once there are so many. */
async function messages(box: Box, count: number): Promise<readonly Message[]> {
  for (;;) {
    const { items } = await world.postern.http.get<{ items: Message[] }>(`/v1/mailboxes/${box.id}/messages`);
    if (items.length >= count) return items.toReversed();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function handleOf(box: Box, about: string, channel: WorkflowChannel) {
  const named = { mailbox: box.id as MailboxId, thread: about as ThreadId, message: about as MessageId };
  return world.temporal.workflow.getHandle(workflowOf(named, channel));
}

/** `about`: a thread or a message, as the channel has it. */
async function heardBy(box: Box, about: string, count: number, channel: WorkflowChannel): Promise<Heard> {
  const handle = handleOf(box, about, channel);
  for (;;) {
    const seen = await handle.query<Heard>("heard").catch(() => null);
    if (seen !== null && seen.heard.length >= count) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("MB-15 X-35 a workflow channel", () => {
  it("starts a workflow for each thread, which hears the whole conversation: references and facts, no text", async () => {
    const box = await agentBox(PER_THREAD);
    await world.mail(box, { subject: "canary-subject", text: "canary-text", messageId: "first@acme.example" });
    const [first] = await messages(box, 1);
    await heardBy(box, first!.thread_id, 1, PER_THREAD);
    await world.mail(box, { headers: ["In-Reply-To: <first@acme.example>"] });
    const { start, heard } = await heardBy(box, first!.thread_id, 2, PER_THREAD);
    const all = await messages(box, 2);
    expect(start).toEqual({ tenant: world.postern.running.tenant.id, mailbox: box.id, thread: first!.thread_id });
    expect(heard.map(({ message }) => message)).toEqual(all.map(({ id }) => id));
    expect(heard[0]).toMatchObject({
      delivery_id: expect.stringMatching(/^evt_/) as string,
      mailbox: box.id,
      thread: first!.thread_id,
      capabilities: ["read_calendar", "confirm_meeting"],
      verification: { dkim: "pass" },
    });
    const history = await handleOf(box, first!.thread_id, PER_THREAD).fetchHistory();
    const payloads = JSON.stringify(history, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value));
    for (const secret of ["canary", "boss@", box.address]) expect(payloads).not.toContain(secret);
  });

  it("or one for each message", async () => {
    const box = await agentBox(PER_MESSAGE);
    await world.mail(box);
    await world.mail(box);
    for (const { id } of await messages(box, 2)) {
      const { heard } = await heardBy(box, id, 1, PER_MESSAGE);
      expect(heard.map(({ message }) => message)).toEqual([id]);
    }
  });

  it("a repeated delivery is told by its delivery id: the same for ever", async () => {
    const box = await agentBox(PER_MESSAGE);
    await world.mail(box);
    const delivery = await world.delivery(box, "delivered");
    await world.postern.http.send("POST", `/v1/mailboxes/${box.id}/deliveries/${delivery.id}/replay`, null);
    const [message] = await messages(box, 1);
    const { heard } = await heardBy(box, message!.id, 2, PER_MESSAGE);
    expect(heard.map(({ delivery_id }) => delivery_id)).toEqual([delivery.id, delivery.id]);
    expect(heard[1]).toEqual(heard[0]);
  });

  it("two channels have no workflow in common, also where the first message of a thread names both", async () => {
    const channels = [PER_THREAD, PER_MESSAGE, channelTo("otherAgent", "thread")];
    const box = await agentBox(...channels);
    await world.mail(box);
    const [message] = await messages(box, 1);
    const heard = await Promise.all(channels.map((channel) => heardBy(box, message!.id, 1, channel)));
    expect(heard.map((each) => each.heard.length)).toEqual([1, 1, 1]);
    expect(new Set(heard.map((each) => each.heard[0]!.delivery_id)).size).toBe(3);
  });

  it("an agent in another's place hears the thread; the one before, which still waits, hears no more of it", async () => {
    const box = await agentBox(PER_THREAD);
    await world.mail(box, { messageId: "replaced@acme.example" });
    const [first] = await messages(box, 1);
    await heardBy(box, first!.thread_id, 1, PER_THREAD);
    const next = channelTo("otherAgent", "thread");
    await world.setChannels(box, [next]);
    await world.mail(box, { headers: ["In-Reply-To: <replaced@acme.example>"] });
    const [, second] = await messages(box, 2);
    const { heard } = await heardBy(box, first!.thread_id, 1, next);
    expect(heard.map(({ message, thread }) => [message, thread])).toEqual([[second!.id, first!.thread_id]]);
    expect((await heardBy(box, first!.thread_id, 1, PER_THREAD)).heard).toHaveLength(1);
  });
});
