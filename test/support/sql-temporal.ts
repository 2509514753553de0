import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Connection } from "@temporalio/client";
import { msToTs } from "@temporalio/common/lib/time.js";
import { startChild, type ServerChild } from "../../src/dev/temporal/child.ts";
import { serverConfig, type Ports } from "./sql-temporal/config.ts";
import { isExecutable } from "./executable.ts";

/** The embedded server knows SQLite only; these two make the schema on PostgreSQL and serve from it. */
export interface SqlPrograms {
  readonly tool: string;
  readonly server: string;
}

/** As `findSqlTemporal` finds them; the reason of a skipped test. */
export const NO_SQL_TEMPORAL =
  "`temporal-sql-tool` and `temporal-server` are not both on PATH: they are `cmd/tools/sql` and `cmd/server` of the Go module go.temporal.io/server";

/** Null when one of them is not on PATH. */
export function findSqlTemporal(env: NodeJS.ProcessEnv = process.env): SqlPrograms | null {
  const [tool, server] = ["temporal-sql-tool", "temporal-server"].map((program) => findOnPath(program, env["PATH"] ?? ""));
  return tool === undefined || server === undefined ? null : { tool, server };
}

function findOnPath(program: string, path: string): string | undefined {
  const paths = path.split(delimiter).map((folder) => (folder === "" ? "" : join(folder, program)));
  return paths.find((one) => one !== "" && isExecutable(one));
}

export interface SqlTemporal {
  /** `127.0.0.1:PORT`, with the namespace `default`. */
  readonly address: string;
  readonly pid: number;
  /** SIGKILL, and the same again on what it had written, at the same address. */
  crash(): Promise<void>;
  /** The databases stay. */
  stop(): Promise<void>;
}

const NAMES = { state: "temporal", visibility: "temporal_visibility" };
const SCHEMAS = { state: "postgresql/v12/temporal", visibility: "postgresql/v12/visibility" };
const READY_MS = 60_000;
const GRACE_MS = 10_000;

/** A Temporal server whose state is in two new databases of the PostgreSQL at `url`. It dies with this process. */
export async function startSqlTemporal({ tool, server }: SqlPrograms, url: string): Promise<SqlTemporal> {
  const database = new URL(url);
  for (const kind of ["state", "visibility"] as const) await makeSchema(tool, database, NAMES[kind], SCHEMAS[kind]);
  const home = await mkdtemp(join(tmpdir(), "postern-sql-temporal-"));
  const [config, log] = [join(home, "config.yaml"), join(home, "server.log")];
  const ports = await freePorts();
  await writeFile(config, serverConfig(database, NAMES, ports), { mode: 0o600 });
  const address = `127.0.0.1:${ports.frontend}`;
  const start = async (): Promise<ServerChild> => {
    const child = await startChild(server, ["--config-file", config, "--allow-no-auth", "start"], log);
    await becomeReady(child, address, log);
    return child;
  };
  let child = await start();
  return {
    address,
    get pid() {
      return child.pid;
    },
    crash: async () => {
      process.kill(child.pid, "SIGKILL");
      await child.exited;
      child = await start();
    },
    stop: async () => {
      await child.stop(GRACE_MS);
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function makeSchema(tool: string, { hostname, port, username, password }: URL, name: string, schema: string): Promise<void> {
  const where = ["--plugin", "postgres12", "--ep", hostname, "-p", port, "-u", decodeURIComponent(username), "--db", name];
  const env = { ...process.env, SQL_PASSWORD: decodeURIComponent(password) };
  for (const step of [["create"], ["setup-schema", "-v", "0.0"], ["update-schema", "--schema-name", schema]]) {
    await promisify(execFile)(tool, [...where, ...step], { env });
  }
}

/** Below what the system hands out: its schema holds a port as a smallint. */
const PORTS = { from: 15_000, to: 32_000 };

/** Held until all are there, so that no two are the same. */
async function freePorts(): Promise<Ports> {
  const held: Server[] = [];
  while (held.length < 8) {
    const server = await listen(randomInt(PORTS.from, PORTS.to));
    if (server !== null) held.push(server);
  }
  const found = held.map((one) => (one.address() as AddressInfo).port);
  await Promise.all(held.map((one) => new Promise((resolve) => one.close(resolve))));
  const [frontend, matching, history, worker, ...membership] = found as [number, number, number, number, ...Ports["membership"]];
  return { frontend, matching, history, worker, membership };
}

/** Null when somebody else does. */
function listen(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

async function becomeReady(child: ServerChild, address: string, log: string): Promise<void> {
  let ended = false;
  void child.exited.then(() => (ended = true));
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline && !ended;) {
    if (await hasNamespace(address).catch(() => false)) return;
    await delay(100);
  }
  await child.stop(0);
  throw new Error(`temporal-server ${ended ? "ended" : "did not answer"}: ${(await readFile(log, "utf8")).slice(-2_000)}`);
}

/** Makes `default` where it is not. */
async function hasNamespace(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    const request = { namespace: "default", workflowExecutionRetentionPeriod: msToTs("7 days") };
    const deadline = Date.now() + 5_000;
    await connection.withDeadline(deadline, () => connection.workflowService.registerNamespace(request)).catch(isThere);
    return true;
  } finally {
    await connection.close();
  }
}

function isThere(error: Error & { readonly code?: number }): void {
  const ALREADY_EXISTS = 6;
  if (error.code !== ALREADY_EXISTS) throw error;
}
