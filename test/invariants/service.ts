import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, Connection } from "@temporalio/client";
import { msToTs } from "@temporalio/common/lib/time.js";
import { inject } from "vitest";
import { ENVIRONMENT } from "../support/environment.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface Service {
  readonly smtp: { readonly host: string; readonly port: number };
  readonly http: string;
  readonly dataDir: string;
  /** Of the namespace that only this service uses. */
  readonly temporal: Client;
  /** Everything the process has written so far, to either stream. */
  written(): string;
  stop(): Promise<void>;
}

/** `postern serve` as a process of its own, in a Temporal namespace of its own. */
export async function startService(options: { readonly zone: object; readonly env: Readonly<Record<string, string>> }): Promise<Service> {
  const dataDir = await mkdtemp(join(tmpdir(), "postern-service-"));
  const zone = join(dataDir, "zone.json");
  await writeFile(zone, JSON.stringify(options.zone));
  const connection = await Connection.connect({ address: inject("temporalAddress") });
  const namespace = `canary-${randomBytes(6).toString("hex")}`;
  await makeNamespace(connection, namespace);
  const [smtpPort, httpPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [MAIN, "serve", "--json"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...ENVIRONMENT,
      POSTERN_DATA: dataDir,
      POSTERN_DNS_ZONE: zone,
      POSTERN_SMTP: `127.0.0.1:${smtpPort}`,
      POSTERN_HTTP: `127.0.0.1:${httpPort}`,
      POSTERN_TRUSTED_RELAYS: "127.0.0.1",
      POSTERN_LOG_LEVEL: "debug",
      TEMPORAL_ADDRESS: inject("temporalAddress"),
      TEMPORAL_NAMESPACE: namespace,
      ...options.env,
    },
  });
  const chunks: Buffer[] = [];
  const ready = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
  // What it says when it is ready.
  child.stdout.once("data", () => ready.resolve());
  const ended = once(child, "exit");
  const written = () => Buffer.concat(chunks).toString("utf8");
  void ended.then(([code]) => ready.reject(new Error(`ended with ${String(code)}: ${written()}`)));
  await ready.promise;
  return {
    smtp: { host: "127.0.0.1", port: smtpPort },
    http: `http://127.0.0.1:${httpPort}`,
    dataDir,
    temporal: new Client({ connection, namespace }),
    written,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await connection.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The server takes a moment until every part of it knows a new namespace. */
async function makeNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs("1 day") });
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      await connection.workflowService.listSchedules({ namespace, maximumPageSize: 1 });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
