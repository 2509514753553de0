import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from "@temporalio/common";
import { SimplePlugin } from "@temporalio/plugin";
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Worker,
  type ActivityInboundCallsInterceptor,
  type WorkerOptions,
} from "@temporalio/worker";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { loadConfig, PosternPlugin, type PosternPluginOptions } from "../../src/index.ts";
import { outboundWorkflowId, type DraftId } from "../../src/model/ids.ts";
import { workflowBundle } from "../support/bundle.ts";
import { PARTNER, POLICY, Team, teamBundle } from "./team.ts";

let connection: NativeConnection;
let directory: string;
beforeAll(async () => {
  connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  directory = await mkdtemp(join(tmpdir(), "postern-plugin-"));
});
// The connection ends with the process: the SDK closes none of a worker that never ran.
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const ANY_PORT = { host: "127.0.0.1", port: 0 };

function newPlugin(options: Partial<PosternPluginOptions> = {}): PosternPlugin {
  const config = { ...loadConfig({ POSTERN_DATA: join(directory, randomBytes(4).toString("hex")) }), smtp: ANY_PORT, http: ANY_PORT };
  return new PosternPlugin({ config, log: pino({ level: "silent" }), ...options });
}

async function newWorker(options: Partial<WorkerOptions> = {}): Promise<Worker> {
  return Worker.create({
    connection,
    taskQueue: `plugin-${randomBytes(6).toString("hex")}`,
    workflowBundle: await teamBundle(),
    ...options,
  });
}

/** Every byte turned over: not secret, but not readable by mistake. */
const CODEC: PayloadCodec = {
  encode: async (payloads) =>
    payloads.map((payload) => ({ metadata: { [METADATA_ENCODING_KEY]: Buffer.from("binary/turned") }, data: turned(payload) })),
  decode: async (payloads) =>
    payloads.map(({ data }) => JSON.parse(Buffer.from(data!.map((byte) => byte ^ 0xff)).toString(), revived) as Payload),
};

function turned({ metadata, data }: Payload): Uint8Array {
  const plain = {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value)])),
    data: data && Buffer.from(data),
  };
  return Buffer.from(JSON.stringify(plain)).map((byte) => byte ^ 0xff);
}

function revived(_: string, value: unknown): unknown {
  const isBuffer = typeof value === "object" && value !== null && (value as { type?: unknown }).type === "Buffer";
  return isBuffer ? Buffer.from((value as { data: number[] }).data) : value;
}

describe("X-35 postern in a worker of a team's own", () => {
  it("displaces nothing of theirs: workflows, activities, codec, interceptors; and its mail goes through their codec", async () => {
    const seen = new Set<string>();
    const noting: ActivityInboundCallsInterceptor = { execute: (input, next) => next(input) };
    const team = await Team.start({
      worker: {
        dataConverter: { payloadCodecs: [CODEC] },
        interceptors: {
          activity: [({ info }) => (seen.add(`activity ${info.activityType}`), { inbound: noting })],
          activityInbound: [({ info }) => (seen.add(`older ${info.activityType}`), noting)],
          client: { workflow: [{ start: (input, next) => (seen.add(`client ${input.workflowType}`), next(input)) }] },
        },
      },
    });
    try {
      const { id, address } = await team.agent("answeringAgent", { sends: true, mode: "autonomous" });
      await team.mail(address, { from: PARTNER, subject: "Nobody reads this" });
      expect(await team.notes(id, 3)).toEqual(["answer sent", "own null", "invalid_request"]);
      const args = { taskQueue: team.queue, workflowId: randomBytes(8).toString("hex"), args: ["team"] };
      expect(await team.client.workflow.execute("greeting", args)).toBe("hello team");
      expect([...seen]).toEqual(
        expect.arrayContaining(["activity greet", "older greet", "activity posternVerify", "client inboundMessage"]),
      );
      const { workflowId } = await team.delivery(id);
      const history = JSON.stringify(await team.client.workflow.getHandle(workflowId).fetchHistory());
      const plain = history.replaceAll(/"data":"([^"]*)"/g, (_, data: string) => Buffer.from(data, "base64").toString("latin1"));
      expect(plain).not.toContain("Nobody reads this");
    } finally {
      await team.close();
    }
  }, 60_000);

  it.each([
    [4, ["posternSend"]],
    [40, []],
  ])("with %i workflow tasks at once sends by %j", async (maxConcurrentWorkflowTaskExecutions, steps) => {
    const team = await Team.start({ worker: { maxConcurrentWorkflowTaskExecutions } });
    try {
      const { id } = await team.postern.mailbox("agent@few.example", POLICY, { mode: "autonomous" });
      const { key } = await team.postern.key(id, ["send"]);
      const { id: draft } = (await team.postern
        .client(key)
        .send(id, { to: ["boss@elsewhere.example"], subject: "Hello", markdown: "Hello." })) as { id: DraftId };
      await team.sunk(id, 1);
      const workflow = team.client.workflow.getHandle(outboundWorkflowId(draft));
      expect(await workflow.result()).toEqual({ state: "sent" });
      const { events } = await workflow.fetchHistory();
      const regular = events!.flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []);
      expect(regular).toEqual(steps);
    } finally {
      await team.close();
    }
  });

  it("given to the connection and to the worker it counts once, opens its doors, and closes them when the worker stops", async () => {
    const plugin = newPlugin();
    const own = await NativeConnection.connect({ address: inject("temporalAddress"), plugins: [plugin] });
    const worker = await newWorker({ connection: own, plugins: [plugin, plugin] });
    const running = worker.run();
    const { doors, adminKey } = await plugin.opened();
    expect(adminKey.from).toBe("file");
    expect((await fetch(`${doors!.http}/readyz`)).status).toBe(200);
    worker.shutdown();
    await running;
    await own.close();
    await expect(fetch(`${doors!.http}/readyz`)).rejects.toThrow();
    const socket = connect(doors!.smtp);
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("one instance for two workers, each with a queue of its own; then again in the same process", async () => {
    const queues = { inbound: `in-${randomBytes(4).toString("hex")}`, main: `main-${randomBytes(4).toString("hex")}` };
    const plugin = newPlugin({ taskQueues: queues });
    for (const round of [1, 2]) {
      const workers = await Promise.all(Object.values(queues).map((taskQueue) => newWorker({ taskQueue, plugins: [plugin] })));
      const running = Promise.all(workers.map((worker) => worker.run()));
      const { doors } = await plugin.opened();
      expect((await fetch(`${doors!.http}/readyz`)).status, `round ${round}`).toBe(200);
      for (const worker of workers) worker.shutdown();
      await running;
    }
  });

  it("without doors nothing listens", async () => {
    const plugin = newPlugin({ doors: false });
    const worker = await newWorker({ plugins: [plugin] });
    await worker.runUntil(async () => expect((await plugin.opened()).doors).toBeNull());
  });
});

describe("STYLE 19 a worker is refused rather than guessed about", () => {
  const invalid = (message: RegExp) => expect.objectContaining({ code: "invalid_config", message: expect.stringMatching(message) });

  it("MB-06 an activity of the same name: both are named", async () => {
    const activities = { posternVerify: async function checkPassport() {} };
    await expect(newWorker({ activities, plugins: [newPlugin()] })).rejects.toEqual(
      invalid(/`posternVerify` \(the function `checkPassport`\).*plugin `postern`/),
    );
  });

  it("two instances in one worker", async () => {
    await expect(newWorker({ plugins: [newPlugin(), newPlugin()] })).rejects.toEqual(invalid(/so has the plugin `postern`/));
  });

  it("a later plugin that takes a name", async () => {
    const later = new SimplePlugin({ name: "later", activities: { posternSend: async () => {} } });
    const worker = await newWorker({ plugins: [newPlugin(), later] });
    await expect(worker.run()).rejects.toEqual(invalid(/another plugin has replaced the activity `posternSend`/));
  });

  it("MB-06 a mapped name that is nobody's activity, and one that is ours", async () => {
    const worker = await newWorker({
      activities: { bookMeeting: async () => {} },
      plugins: [newPlugin({ capabilities: { x: ["bookMeting"] } })],
    });
    await expect(worker.run()).rejects.toEqual(invalid(/`bookMeting` is mapped to a capability and is no activity/));
    expect(() => newPlugin({ capabilities: { x: ["posternSend"] } })).toThrow(/`posternSend` is an activity of postern/);
  });

  it("a bundle without our workflows, and one made without the plugin", async () => {
    const logger = new DefaultLogger("WARN");
    const greeting = new URL("../bench/empty/workflow.ts", import.meta.url).pathname;
    const theirs = await bundleWorkflowCode({ workflowsPath: greeting, logger, plugins: [newPlugin()] });
    await expect(newWorker({ workflowBundle: theirs, plugins: [newPlugin()] })).rejects.toEqual(invalid(/none of postern's workflows/));
    await expect(newWorker({ workflowBundle: await workflowBundle(), plugins: [newPlugin()] })).rejects.toEqual(
      invalid(/made without this plugin/),
    );
  });

  it.each(["../bench/empty/workflow.ts", "../../workflows/mail.ts"])("a module without our workflows: %s", async (path) => {
    const plugin = newPlugin();
    const workflowsPath = new URL(path, import.meta.url).pathname;
    const worker = await newWorker({ workflowBundle: undefined as never, workflowsPath, plugins: [plugin] });
    await expect(worker.run()).rejects.toEqual(invalid(/the workflow module has none of postern's workflows/));
  });

  it("two workers, and nobody says where the gate works", async () => {
    const plugin = newPlugin();
    const [first] = [await newWorker({ plugins: [plugin] }), await newWorker({ plugins: [plugin] })];
    const [opened, ran] = await Promise.allSettled([plugin.opened(), first.run()]);
    const refused = { status: "rejected", reason: invalid(/it is not said where the gate works/) };
    expect([opened, ran]).toEqual([refused, refused]);
  });
});

it("the module path is bundled with the plugin too, as `Worker.create` does by itself", async () => {
  const plugin = newPlugin();
  const worker = await newWorker({
    workflowBundle: undefined as never,
    workflowsPath: new URL("agents.ts", import.meta.url).pathname,
    plugins: [plugin],
  });
  await worker.runUntil(async () => expect((await plugin.opened()).doors).not.toBeNull());
});
