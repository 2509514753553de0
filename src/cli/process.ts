import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { WriteStream } from "node:tty";
import { VERSION } from "../version.ts";
import type { CliDeps, Files, Stream } from "./deps.ts";
import { createServiceParts } from "./service.ts";

/** The process as the commands see it. */
export function processDeps(): CliDeps {
  const stderr = streamOf(process.stderr);
  return {
    env: process.env,
    stdin: readStdin,
    stdout: streamOf(process.stdout),
    stderr,
    files,
    fetch: (input, init) => fetch(input, init),
    clock: () => Date.now(),
    random: (bytes) => randomBytes(bytes),
    version: VERSION,
    onSignal,
    exitNow: (code) => process.exit(code),
    service: createServiceParts(process.env, stderr),
  };
}

const files: Files = {
  read: (path) => readFile(path),
  create: (path, bytes) => writeFile(path, bytes, { flag: "wx", mode: 0o600 }),
  glob: findFiles,
};

async function findFiles(pattern: string, directory: string): Promise<readonly string[]> {
  // Not there on the older Node that `doctor` is to name.
  const { glob } = await import("node:fs/promises");
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd: directory })) found.push(resolve(directory, path));
  return found.sort();
}

function streamOf(stream: WriteStream): Stream {
  // A reader that has seen enough (`| head`) is no fault.
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    write: (chunk) => void stream.write(chunk),
    get isTTY() {
      return stream.isTTY;
    },
    get columns() {
      return stream.isTTY ? stream.columns : undefined;
    },
  };
}

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function onSignal(listener: () => void): () => void {
  process.on("SIGINT", listener).on("SIGTERM", listener);
  return () => void process.off("SIGINT", listener).off("SIGTERM", listener);
}
