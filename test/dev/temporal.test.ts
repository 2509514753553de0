import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "@temporalio/client";
import { afterEach, describe, expect, inject, it } from "vitest";
import { startTemporal, type TemporalOptions, type TemporalServer } from "../../src/dev/temporal.ts";
import { inspect } from "../../src/dev/temporal/processes.ts";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";

const executable = inject("temporalExecutable");
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "postern-test-"));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function start(options: Omit<TemporalOptions, "executable">): Promise<TemporalServer> {
  const server = await startTemporal({ executable: executable!, ...options });
  cleanups.push(() => server.stop());
  return server;
}

async function withConnection<T>({ address }: TemporalServer, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: 5_000 });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

function startWorkflow(server: TemporalServer, workflowId: string): Promise<unknown> {
  return withConnection(server, ({ workflowService }) =>
    workflowService.startWorkflowExecution({
      namespace: server.namespace,
      workflowId,
      requestId: workflowId,
      workflowType: { name: "nobodyRunsThis" },
      taskQueue: { name: "nobody" },
    }),
  );
}

function describeWorkflow(server: TemporalServer, workflowId: string): Promise<string | null | undefined> {
  return withConnection(server, async ({ workflowService }) => {
    const found = await workflowService.describeWorkflowExecution({ namespace: server.namespace, execution: { workflowId } });
    return found.workflowExecutionInfo?.type?.name;
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.skipIf(executable === null)(`the embedded Temporal server${skippedFor(executable === null ? OTHERS_SERVER : null)}`, () => {
  it("keeps closed workflows for seven days and has the search attributes", async () => {
    const server = await start({ namespace: "acme" });
    await withConnection(server, async ({ workflowService, operatorService }) => {
      const { config } = await workflowService.describeNamespace({ namespace: "acme" });
      expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 86_400);
      const { customAttributes } = await operatorService.listSearchAttributes({ namespace: "acme" });
      expect(Object.keys(customAttributes ?? {})).toEqual(
        expect.arrayContaining(["PosternTenant", "PosternDirection", "PosternState", "PosternOutcome"]),
      );
    });
  });

  it("finds its workflows and its port again after a stop and a start", async () => {
    const dataDir = await folder();
    const first = await start({ dataDir });
    await startWorkflow(first, "kept");
    await first.stop();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const second = await start({ dataDir });
    expect(second.address).toBe(first.address);
    expect(await describeWorkflow(second, "kept")).toBe("nobodyRunsThis");
  });

  it("finds its workflows again after SIGKILL of the server", async () => {
    const dataDir = await folder();
    const first = await start({ dataDir });
    await startWorkflow(first, "kept");
    process.kill(first.pid, "SIGKILL");
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(await describeWorkflow(await start({ dataDir }), "kept")).toBe("nobodyRunsThis");
  });

  it("dies with a parent that is killed, and the next start finds its data", async () => {
    const dataDir = await folder();
    const parent = await startInChild(dataDir);
    const orphan: number = JSON.parse(await readFile(join(dataDir, "temporal", "server.json"), "utf8")).pid;
    expect((await inspect(orphan))?.parent).toBe(parent.pid);
    parent.kill("SIGKILL");
    await until(async () => !((await inspect(orphan))?.command.includes(dataDir) ?? false));
    const server = await start({ dataDir });
    expect(server.pid).not.toBe(orphan);
  });

  it("ends a server whose parent is gone before it starts another one on the same database", async () => {
    const dataDir = await folder();
    const first = await start({ dataDir });
    const claim = join(dataDir, "temporal", "server.json");
    const kept = JSON.parse(await readFile(claim, "utf8"));
    // What an orphan looks like: it runs, and its parent is not the process that started it.
    await writeFile(claim, JSON.stringify({ ...kept, owner: 1 }));
    const second = await start({ dataDir });
    await first.exited;
    expect(second.address).toBe(first.address);
  });

  it("refuses a data directory that a living process serves", async () => {
    const dataDir = await folder();
    await start({ dataDir });
    await expect(start({ dataDir })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`is in use by process ${process.pid}`),
      fix: expect.stringContaining("POSTERN_DATA"),
    });
  });

  it("refuses a configured port that is in use, and takes another one when it may choose", async () => {
    const dataDir = await folder();
    const first = await start({ dataDir });
    await first.stop();
    const port = Number(first.address.split(":")[1]);
    await occupy(port);
    await expect(start({ dataDir, port })).rejects.toMatchObject({
      code: "conflict",
      message: `port ${port} of 127.0.0.1 is in use, the Temporal server cannot listen there`,
      fix: expect.stringContaining("POSTERN_TEMPORAL_PORT"),
    });
    expect((await start({ dataDir })).address).not.toBe(first.address);
  });

  it("refuses a data directory that cannot be written", async () => {
    const file = join(await folder(), "file");
    await writeFile(file, "");
    await expect(start({ dataDir: join(file, "data") })).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("is not writable"),
      fix: expect.stringContaining("POSTERN_DATA"),
    });
  });

  it("says why a server ended while starting", async () => {
    const dataDir = await folder();
    const broken = join(dataDir, "broken");
    await writeFile(broken, "#!/bin/sh\necho 'Error: the moon is in the way' >&2\nexit 3\n", { mode: 0o755 });
    await expect(startTemporal({ executable: broken, dataDir })).rejects.toMatchObject({
      code: "unavailable",
      message: "the Temporal server ended while starting: the moon is in the way",
      fix: expect.stringContaining(join(dataDir, "temporal", "server.log")),
    });
  });

  it("says so when there is no such executable", async () => {
    await expect(startTemporal({ executable: "/nonexistent/temporal", dataDir: await folder() })).rejects.toMatchObject({
      code: "unavailable",
      message: "the Temporal server `/nonexistent/temporal` cannot be run",
    });
  });
});

async function occupy(port: number): Promise<void> {
  const server: Server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  expect((server.address() as AddressInfo).port).toBe(port);
  cleanups.push(() => server.close());
}

/** A process of its own that serves `dataDir` until it is killed. */
async function startInChild(dataDir: string): Promise<ReturnType<typeof spawn>> {
  const module = new URL("../../src/dev/temporal.ts", import.meta.url).href;
  const script = `const { startTemporal } = await import(${JSON.stringify(module)});
    await startTemporal(${JSON.stringify({ executable, dataDir })}); console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  cleanups.push(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}
