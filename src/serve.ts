import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Client } from "@temporalio/client";
import { NativeConnection, type NativeConnectionOptions } from "@temporalio/worker";
import type { Logger } from "pino";
import { Registry } from "prom-client";
import type { OutboundDeps } from "../activities/deps.ts";
import type { Blobs } from "./blobs/blobs.ts";
import type { BlobSource } from "./blobs/source.ts";
import { createUses, type Uses } from "./blobs/uses.ts";
import { createSlots } from "./intake/slots.ts";
import { SMTP_LIMITS } from "./smtp/limits.ts";
import { bootstrap, type Bootstrapped } from "./bootstrap.ts";
import type { Config } from "./config.ts";
import { freeSpace } from "./free-space.ts";
import { createGate, type Gate } from "./gate.ts";
import { createHttpApp } from "./http/app.ts";
import type { HttpDeps } from "./http/deps.ts";
import { startHttp } from "./http/server.ts";
import { createLog } from "./log.ts";
import { createSystemResolver, createZoneResolver } from "./mail/dns.ts";
import type { MailReader } from "./mail/reader.ts";
import { PosternError } from "./model/errors.ts";
import type { Lookup } from "./net/target.ts";
import { TASK_QUEUE, type TaskQueues } from "./model/names.ts";
import { openBlobs } from "./open-blobs.ts";
import { createOutboundDeps } from "./outbound.ts";
import { startSmtp } from "./smtp/start.ts";
import type { Store } from "./store/contract.ts";
import { createSqliteStore } from "./store/sqlite/store.ts";
import { createComposerPool } from "./threads/composer/pool.ts";
import { createReaderPool } from "./threads/pool.ts";
import { createTransport } from "./transport.ts";
import { createZoneFileResolver } from "./threads/zone.ts";
import { ensureUpkeep } from "./upkeep.ts";
import { VERSION } from "./version.ts";
import { bundlePosternWorkflows, createPosternWorkers, INBOUND_SLOTS, type PosternWorkersOptions } from "./worker.ts";

export interface ServeOptions {
  readonly temporal: { readonly connection: NativeConnectionOptions; readonly namespace: string };
  /** Epoch milliseconds; default: the system's clock. */
  readonly clock?: () => number;
  readonly random?: (bytes: number) => Uint8Array;
  readonly taskQueues?: TaskQueues;
  readonly bundle?: PosternWorkersOptions["bundle"];
  readonly maxCachedWorkflows?: number;
  /** Milliseconds until the next hop is asked a second time. Default one minute. */
  readonly retryMs?: number;
  /** When deliveries by channels are tried again, and given up. */
  readonly dispatching?: OutboundDeps["dispatching"];
  /** How hosts of webhooks are found. Default: as the system does. */
  readonly lookup?: Lookup;
  readonly log?: Logger;
}

/** One instance: both doors and the workers, in this process. */
export interface Running {
  readonly smtp: { readonly host: string; readonly port: number };
  /** Undefined: there is none. Of a unix socket: its path, and port 0. */
  readonly lmtp?: { readonly host: string; readonly port: number } | undefined;
  /** `http://host:port`. */
  readonly http: string;
  readonly adminKey: Bootstrapped["adminKey"];
  readonly tenant: Bootstrapped["tenant"];
  /** Resolves when everything has stopped, at most 10 s after the call; what was accepted is safe either way. */
  close(): Promise<void>;
  /** Resolves when the workers have stopped; rejects when they failed by themselves. */
  readonly ended: Promise<void>;
}

/** Messages of one sender in one hour after which automatic mail, or mail between two agents, counts as an echo. */
const LOOP_CAPS = { perThread: 30, perPair: 30 } as const;

/**
 * Brings up store, blobs, readers, workers and doors, in this order; the doors open last. Rejects with a `PosternError`
 * that says the way out; what had been started is stopped again.
 */
export async function serve(config: Config, options: ServeOptions): Promise<Running> {
  const started: Closing[] = [];
  try {
    return await start(config, options, started);
  } catch (error) {
    // Why it did not start is what matters.
    await closeAll(started).catch(() => undefined);
    throw error;
  }
}

/** Stops one thing that was started. */
export type Closing = () => Promise<void>;

/** Milliseconds `close` waits; what still goes on then ends by itself or with the process. */
const CLOSE_MS = 9_500;

async function start(config: Config, options: ServeOptions, started: Closing[]): Promise<Running> {
  const base: Base = {
    clock: options.clock ?? Date.now,
    random: options.random ?? randomBytes,
    log: options.log ?? createLog(config.logLevel),
    taskQueues: options.taskQueues ?? TASK_QUEUE,
  };
  const state = await openState(config, base, started);
  const known = await bootstrap({ ...state, ...base, dataDir: config.dataDir, ...keysOf(config) });
  const deps = openOutbound(config, options, base, state, known, started);
  const { gate, ended } = await startWorkers(options, base, deps, known.tenant.id, started);
  const { blobRoot } = state;
  const { grants, identity, sealer } = known;
  const temporal = { address: options.temporal.connection.address ?? "127.0.0.1:7233", namespace: options.temporal.namespace };
  const doors = await openDoors(config, { ...base, ...deps, blobRoot, gate, grants, identity: identity.jwk, sealer, temporal }, started);
  return { ...doors, adminKey: known.adminKey, tenant: known.tenant, ended, close: () => inTime(closeAll(started)) };
}

/** What every part is given. */
export interface Base {
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly taskQueues: TaskQueues;
}

interface State {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly uses: Uses;
  readonly source: BlobSource;
  /** The directory that takes bytes as they come. */
  readonly blobRoot: string;
  readonly reader: MailReader;
}

/** Store, blobs and readers of the data directory. */
export async function openState(config: Config, { clock, log }: Base, started: Closing[]): Promise<State> {
  await makeDataDir(config.dataDir);
  await checkZone(config.dnsZone);
  const store = await createSqliteStore({ path: join(config.dataDir, "postern.db") });
  started.unshift(() => store.close());
  const report = (fault: PosternError): void => log.error({ err: fault }, fault.message);
  const { blobs, source, directory: blobRoot, close } = await openBlobs(config, { clock, report });
  started.unshift(close);
  const reader = createReaderPool({ source, zone: config.dnsZone ?? null });
  started.unshift(() => reader.close());
  return { store, blobs, uses: createUses(), source, blobRoot, reader };
}

/** What leaves is composed on a thread of its own, and goes to the relay or into the sandbox. */
export function openOutbound(
  config: Config,
  options: Pick<ServeOptions, "retryMs" | "dispatching" | "lookup">,
  base: Base,
  state: State,
  known: Bootstrapped,
  started: Closing[],
): OutboundDeps {
  const { grants, identity, sealer } = known;
  const composer = createComposerPool({ source: state.source });
  started.unshift(() => composer.close());
  const transport = createTransport(config.relay, { ...base, ...state });
  started.unshift(() => transport.close());
  const onFault: OutboundDeps["onFault"] = (fault) => base.log.warn(fault, "a step of a judgement failed");
  const given = {
    grants,
    identity,
    sealer,
    composer,
    transport,
    config,
    ...(options.retryMs === undefined ? {} : { retryMs: options.retryMs }),
    ...(options.dispatching === undefined ? {} : { dispatching: options.dispatching }),
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  };
  return createOutboundDeps({ ...base, ...state, loopCaps: LOOP_CAPS, onFault }, given);
}

async function startWorkers(
  options: ServeOptions,
  base: Base,
  deps: OutboundDeps,
  instance: string,
  started: Closing[],
): Promise<{ gate: Gate; ended: Promise<void> }> {
  const { namespace } = options.temporal;
  const { log, taskQueues } = base;
  const connection = await connect(options.temporal.connection, log);
  started.unshift(() => connection.close());
  const client = new Client({ connection, namespace });
  // Before the workers: they must not take another database's tasks.
  await ensureUpkeep(client, taskQueues, instance);
  const workers = await createPosternWorkers({
    ...{ connection, namespace, taskQueues },
    bundle: options.bundle ?? (await bundlePosternWorkflows()),
    deps,
    ...(options.maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows: options.maxCachedWorkflows }),
  });
  const ended = workers.run();
  // Whoever started us waits on it; a failure before that must not end the process unexplained.
  ended.catch((error: unknown) => log.fatal({ err: error }, "the workers stopped"));
  started.unshift(() => workers.shutdown());
  const onFault = (fault: unknown): void => log.error({ err: fault }, "a message could not be judged");
  return { gate: createGate({ client, store: deps.store, taskQueues, eager: true, random: base.random, onFault }), ended };
}

type DoorDeps = Base &
  Omit<State, "source"> &
  Pick<HttpDeps, "gate" | "grants" | "identity" | "sealer" | "composer" | "freezer" | "screening" | "transport" | "temporal" | "webhooks">;

/** `judgements`: under way at once, for all peers together. */
export async function openDoors(
  config: Config,
  deps: DoorDeps,
  started: Closing[],
  judgements: number = INBOUND_SLOTS / 2,
): Promise<Pick<Running, "http" | "smtp" | "lmtp">> {
  const metrics = new Registry();
  const closing = new AbortController();
  const resolver = config.dnsZone === undefined ? createSystemResolver({ timeoutMs: 2_000 }) : createZoneFileResolver(config.dnsZone);
  const freeBytes = freeSpace(deps.blobRoot);
  const places = createSlots({ total: judgements, perKey: SMTP_LIMITS.judgementsPerPeer });
  const app = createHttpApp({
    ...deps,
    intake: { ...config.limits, judgements: places },
    freeBytes,
    resolver,
    metrics,
    version: VERSION,
    publicUrl: config.publicUrl,
    submitsPerHour: config.submitsPerHour,
    closing: closing.signal,
  });
  const http = await startHttp({ app, ...config.http });
  started.unshift(() => {
    closing.abort();
    return http.close();
  });
  const mail = {
    deps: { ...deps, metrics, freeBytes },
    limits: { ...config.limits, judgements },
    judgements: places,
    trustedRelays: config.trustedRelays,
    name: hostname(),
    ...(config.tls === undefined ? {} : { tls: await readTls(config.tls) }),
  };
  const smtp = await startSmtp({ ...mail, ...config.smtp });
  started.unshift(() => smtp.close());
  const lmtp = config.lmtp === undefined ? undefined : await startSmtp({ ...mail, ...NOWHERE, ...config.lmtp, protocol: "lmtp" });
  if (lmtp !== undefined) started.unshift(() => lmtp.close());
  return { smtp: smtp.address, lmtp: lmtp?.address, http: http.address };
}

/** Of a door that has a path in their place. */
const NOWHERE = { host: "", port: 0 };

/** Last started, first stopped: no door is open while what it stands on goes away. Stops the rest whatever fails, then rejects. */
export async function closeAll(started: Closing[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of started.splice(0)) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** A peer, a lock or Temporal may hold something up; whoever stops us does not wait for ever. */
export async function inTime(closing: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CLOSE_MS);
  await Promise.race([closing, late]).finally(() => clearTimeout(timer));
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PosternError("invalid_config", `the data directory \`${dataDir}\` cannot be made`, {
      fix: "make it writable for this user, or set POSTERN_DATA to another directory",
      cause,
    });
  }
}

/** Now, rather than at the first message. */
async function checkZone(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  try {
    createZoneResolver(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if (cause instanceof PosternError) throw cause;
    throw new PosternError("invalid_config", `POSTERN_DNS_ZONE \`${path}\` is not a JSON file`, {
      fix: "correct the file, or leave the setting out",
      cause,
    });
  }
}

export function keysOf({ adminKey, secretKey }: Config) {
  return { ...(adminKey === undefined ? {} : { adminKey }), ...(secretKey === undefined ? {} : { secretKey }) };
}

async function readTls({ cert, key }: { cert: string; key: string }) {
  return { cert: await readFile(cert), key: await readFile(key) };
}

async function connect(options: NativeConnectionOptions, log: Logger): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(options);
  } catch (cause) {
    log.debug({ err: cause }, "temporal connection failed");
    throw new PosternError("unavailable", `temporal does not answer at \`${options.address ?? "127.0.0.1:7233"}\``, {
      temporary: true,
      fix: "start it, or correct TEMPORAL_ADDRESS; `npm start` brings one of its own",
      cause,
    });
  }
}
