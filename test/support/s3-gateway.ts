import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { AwsClient } from "aws4fetch";
import type { S3Settings } from "../../src/blobs/s3/settings.ts";
import { isExecutable } from "./executable.ts";

const VERSION = "1.8.0";
const BUCKET = "postern-test";
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "a-secret-of-tests" };

/** Why there is none, as the reason of a skipped test. */
export const NO_GATEWAY = `no S3-compatible server: \`go install github.com/versity/versitygw/cmd/versitygw@v${VERSION}\` puts one where Go keeps its programs`;

/** The path of Versity's S3 gateway, which keeps objects as files; null when this machine has none. */
export function findGateway(env: NodeJS.ProcessEnv = process.env): string | null {
  const cache = join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "postern", `versitygw-${VERSION}`);
  const folders = [cache, env["GOBIN"], join(env["GOPATH"] ?? join(homedir(), "go"), "bin"), ...(env["PATH"] ?? "").split(delimiter)];
  const paths = folders.filter((folder) => folder !== undefined && folder !== "").map((folder) => join(folder!, "versitygw"));
  return paths.find(isExecutable) ?? null;
}

export interface Gateway {
  /** A place of its own in the bucket. */
  settings(): S3Settings;
  /** Process id; null while it is stopped. */
  pid(): number | null;
  stop(): Promise<void>;
  /** On the same port, with what it had. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startGateway(executable: string): Promise<Gateway> {
  const root = await mkdtemp(join(tmpdir(), "postern-s3-"));
  mkdirSync(join(root, "objects"));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const gateway: Gateway = {
    settings: () => ({ endpoint, region: "us-east-1", bucket: BUCKET, prefix: `${randomBytes(6).toString("hex")}/`, ...CREDENTIALS }),
    pid: () => child?.pid ?? null,
    async start() {
      const { accessKeyId, secretAccessKey } = CREDENTIALS;
      const args = [
        "--access",
        accessKeyId,
        "--secret",
        secretAccessKey,
        "--port",
        `127.0.0.1:${port}`,
        "--quiet",
        "posix",
        join(root, "objects"),
      ];
      child = spawn(executable, args, { stdio: "ignore" });
      await made(endpoint, child);
    },
    async stop() {
      if (child === null) return;
      const ended = new Promise((resolve) => child?.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      child = null;
    },
    async close() {
      await gateway.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
  await gateway.start();
  return gateway;
}

/** Until the bucket is there: the server listens a moment after it was started. */
async function made(endpoint: string, child: ChildProcess): Promise<void> {
  const client = new AwsClient({ ...CREDENTIALS, region: "us-east-1", service: "s3", retries: 0 });
  for (const deadline = Date.now() + 20_000; Date.now() < deadline && child.exitCode === null;) {
    const status = await client.fetch(`${endpoint}/${BUCKET}`, { method: "PUT" }).then(
      ({ status }) => status,
      () => 0,
    );
    if (status === 200 || status === 409) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the S3 gateway did not start");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
