// The process under measurement: a whole instance and, beside it, workers of the empty workflow.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@temporalio/client";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from "@temporalio/worker";
import { createClient } from "../../src/cli/client.ts";
import { loadConfig } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { serve, type Running } from "../../src/serve.ts";
import { installTemporalLog } from "../../src/temporal-connection.ts";
import { INBOUND_SLOTS } from "../../src/worker.ts";
import { answerParent, type Subject } from "./child.ts";
import { createEmptyActivities } from "./empty/activities.ts";
import { timed } from "./figures.ts";

export interface Setup {
  readonly temporal: string;
  readonly dataDir: string;
  readonly zone: object;
  readonly policy: object;
}

export interface Place {
  readonly smtp: number;
  readonly http: string;
  readonly key: string;
  readonly mailbox: string;
}

export interface EmptyRuns {
  readonly count: number;
  readonly atOnce: number;
  /** How the caller hears of the end: from the last step in this process, or from the server. */
  readonly told: "step" | "server";
}

const ADDRESS = { address_local_part: "assistant", domain: "acme.example", agent_id: "assistant" };
const QUEUE = "empty";

installTemporalLog(createLog("silent"));

answerParent(async ({ temporal, dataDir, zone, policy }: Setup): Promise<Subject> => {
  const running = await startInstance({ temporal, dataDir, zone });
  const mailbox = await openMailbox(running, policy);
  const empty = await startEmpty(temporal);
  const place: Place = { smtp: running.smtp.port, http: running.http, ...mailbox };
  return {
    tasks: { place: async () => place, empty: empty.run },
    close: async () => {
      await empty.close();
      await running.close();
    },
  };
});

async function startInstance({ temporal, dataDir, zone }: Omit<Setup, "policy">): Promise<Running> {
  const zoneFile = join(dataDir, "zone.json");
  await writeFile(zoneFile, JSON.stringify(zone));
  const settings = { POSTERN_DATA: dataDir, POSTERN_ADMIN_KEY: ADMIN_KEY, POSTERN_TRUSTED_RELAYS: "127.0.0.1", POSTERN_DNS_ZONE: zoneFile };
  const anyPort = { host: "127.0.0.1", port: 0 };
  const config = { ...loadConfig(settings), smtp: anyPort, http: anyPort };
  const log = createLog(config.logLevel, join(dataDir, "postern.log"));
  return serve(config, { temporal: { connection: { address: temporal }, namespace: "default" }, log });
}

const ADMIN_KEY = "pst_live_0123456789abcdefghjkmnpqrstvwxyz";

async function openMailbox(running: Running, policy: object): Promise<Pick<Place, "key" | "mailbox">> {
  const http = createClient({ url: running.http, key: async () => ADMIN_KEY, fetch });
  const { id } = await http.send<{ id: string }>("POST", "/v1/mailboxes", ADDRESS);
  await http.send("PUT", `/v1/mailboxes/${id}/policy`, policy);
  const { key } = await http.send<{ key: string }>("POST", "/v1/keys", { name: "agent", scopes: ["read"], mailboxes: [id] });
  return { mailbox: id, key };
}

interface Empty {
  run(runs: EmptyRuns): Promise<{ readonly ms: number; readonly each: readonly number[] }>;
  close(): Promise<void>;
}

async function startEmpty(temporal: string): Promise<Empty> {
  const connection = await NativeConnection.connect({ address: temporal });
  const ended = new Map<string, () => void>();
  const worker = await Worker.create({
    connection,
    taskQueue: QUEUE,
    activities: createEmptyActivities((input) => ended.get((input as { id: string }).id)?.()),
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL("./empty/workflow.ts", import.meta.url)),
      logger: new DefaultLogger("WARN"),
    }),
    maxConcurrentWorkflowTaskExecutions: INBOUND_SLOTS,
    maxConcurrentLocalActivityExecutions: INBOUND_SLOTS,
  });
  const running = worker.run();
  const { workflow } = new Client({ connection });
  const runOne = async (id: string, told: EmptyRuns["told"]): Promise<void> => {
    const lastStep = new Promise<void>((resolve) => ended.set(id, resolve));
    const handle = await workflow.start("empty", { workflowId: id, taskQueue: QUEUE, args: [{ id }], requestEagerStart: true });
    await (told === "step" ? lastStep : handle.result());
    ended.delete(id);
  };
  return {
    run: ({ count, atOnce, told }) =>
      timed(
        Array.from({ length: count }, () => `empty-${randomUUID()}`),
        atOnce,
        (id) => runOne(id, told),
      ),
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
