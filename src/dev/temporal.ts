import { mkdtemp, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PosternError } from "../model/errors.ts";
import { serverArguments } from "./temporal/arguments.ts";
import { startChild, type Exit, type ServerChild } from "./temporal/child.ts";
import { releaseDatabase, writeClaim } from "./temporal/claim.ts";
import { withLock } from "./temporal/lock.ts";
import { choosePorts, HOST } from "./temporal/port.ts";
import { waitUntilReady } from "./temporal/ready.ts";
import { tail } from "./temporal/run.ts";

export interface TemporalOptions {
  /** Path of the `temporal` CLI, see `findTemporal`. */
  readonly executable: string;
  /** Everything is kept in its folder `temporal`. Absent: in memory, gone with `stop`. */
  readonly dataDir?: string;
  /** gRPC port. Default: the one this data directory had last time when it is still free, else any free one. */
  readonly port?: number;
  /** Default `default`. Created when missing. */
  readonly namespace?: string;
  /** How long closed workflows can be read, in days. Default 7. */
  readonly retentionDays?: number;
  /** Also serve the web UI, on a port chosen like the gRPC port. Default false. */
  readonly ui?: boolean;
}

export interface TemporalServer {
  /** As given. */
  readonly executable: string;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly namespace: string;
  /** Process id of the server itself. */
  readonly pid: number;
  /** URL of the web UI, or null when it is not served. */
  readonly ui: string | null;
  readonly logFile: string;
  /** Resolves when the server is gone: after `stop`, or by itself. */
  readonly exited: Promise<Exit>;
  /** SIGTERM, SIGKILL after 5 s (in memory: at once). Resolves when the server is gone; may be called again. */
  stop(): Promise<void>;
}

const READY_MS = 30_000;
const GRACE_MS = 5_000;
const ATTEMPTS = 5;
const LARGEST_LOG = 10 * 1024 * 1024;

/**
 * Starts the embedded Temporal server and resolves when it answers. It dies with this process, also when that is killed. Should it
 * survive nevertheless, the next start on the same `dataDir` ends it first; a start beside a living owner is refused.
 *
 * Rejects with a `PosternError`: `conflict` (port or data directory in use), `invalid_config` (directory not writable),
 * `unavailable` (the server ended or did not answer within 30 s; `detail` has the end of its log).
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const folder = await makeFolder(options.dataDir);
  return options.dataDir === undefined ? start(options, folder) : withLock(join(folder, "lock"), () => start(options, folder));
}

async function makeFolder(dataDir: string | undefined): Promise<string> {
  if (dataDir === undefined) return mkdtemp(join(tmpdir(), "postern-temporal-"));
  const folder = resolve(dataDir, "temporal");
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rm(await mkdtemp(join(folder, ".writable-")), { recursive: true });
    return folder;
  } catch (cause) {
    throw new PosternError("invalid_config", `the data directory \`${dataDir}\` is not writable`, {
      fix: "make it writable for this user, or set POSTERN_DATA to another directory",
      cause,
    });
  }
}

/** Between choosing a free port and listening on it another process may take it; then another one is chosen. */
async function start(options: TemporalOptions, folder: string): Promise<TemporalServer> {
  for (let left = ATTEMPTS - 1; ; left -= 1) {
    try {
      return await launch(options, folder);
    } catch (error) {
      if (left === 0 || options.port !== undefined || !isPortTaken(error)) throw error;
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof PosternError && error.detail?.includes("address already in use") === true;
}

async function launch(options: TemporalOptions, folder: string): Promise<TemporalServer> {
  const inMemory = options.dataDir === undefined;
  const database = join(folder, "temporal.db");
  const last = inMemory ? null : await releaseDatabase(folder, database);
  const { port, ui } = await choosePorts(options, last);
  const namespace = options.namespace ?? "default";
  const log = await openLog(folder);
  const args = serverArguments({ port, ui, namespace, database: inMemory ? null : database });
  const child = await startChild(options.executable, args, log.file).catch(rejectStart(options.executable));
  if (!inMemory) await writeClaim(folder, { pid: child.pid, owner: process.pid, port, ui });
  await becomeReady(child, { address: `${HOST}:${port}`, namespace, days: options.retentionDays ?? 7, log });
  return {
    executable: options.executable,
    address: `${HOST}:${port}`,
    namespace,
    pid: child.pid,
    ui: ui === null ? null : `http://${HOST}:${ui}`,
    logFile: log.file,
    exited: child.exited,
    stop: async () => {
      await child.stop(inMemory ? 0 : GRACE_MS);
      if (inMemory) await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Log {
  readonly file: string;
  /** Bytes that earlier starts wrote. */
  readonly from: number;
}

async function openLog(folder: string): Promise<Log> {
  const file = join(folder, "server.log");
  const size = (await stat(file).catch(() => null))?.size ?? 0;
  if (size <= LARGEST_LOG) return { file, from: size };
  await rename(file, `${file}.1`);
  return { file, from: 0 };
}

function rejectStart(executable: string): (cause: unknown) => never {
  return (cause) => {
    throw new PosternError("unavailable", `the Temporal server \`${executable}\` cannot be run`, {
      fix: "remove that file so that it is fetched again, or set TEMPORAL_ADDRESS to a server of your own",
      cause,
    });
  };
}

interface Awaited {
  readonly address: string;
  readonly namespace: string;
  readonly days: number;
  readonly log: Log;
}

async function becomeReady(child: ServerChild, { address, namespace, days, log }: Awaited): Promise<void> {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), READY_MS);
  let ended = false;
  void child.exited.then(() => {
    ended = true;
    giveUp.abort();
  });
  try {
    await waitUntilReady(address, namespace, days, giveUp.signal);
  } catch {
    await child.stop(0);
    throw await notReady(ended, log);
  } finally {
    clearTimeout(timer);
  }
}

async function notReady(ended: boolean, log: Log): Promise<PosternError> {
  const written = await readFile(log.file).catch(() => Buffer.alloc(0));
  const detail = tail(written.subarray(log.from).toString());
  const what = ended ? "ended while starting" : `did not answer within ${READY_MS / 1000} s`;
  const reason = detail.split("\n").findLast((line) => line.startsWith("Error: "));
  const why = reason === undefined ? "" : `: ${reason.slice("Error: ".length)}`;
  return new PosternError("unavailable", `the Temporal server ${what}${why}`, { fix: `read its log \`${log.file}\``, detail });
}
