import { randomBytes } from "node:crypto";
import { Client } from "@temporalio/client";
import type { NativeConnectionOptions } from "@temporalio/worker";
import type { Logger } from "pino";
import { Registry } from "prom-client";
import type { OutboundDeps } from "../activities/deps.ts";
import { bootstrap, type Bootstrapped } from "./bootstrap.ts";
import { closeAll, inTime, type Closing } from "./closing.ts";
import type { Config } from "./config.ts";
import { openDoors, openProbes } from "./doors.ts";
import { createGate, type Gate } from "./gate.ts";
import { createLog } from "./log.ts";
import { DEFAULT_TEMPORAL_ADDRESS, TASK_QUEUE, type TaskQueues } from "./model/names.ts";
import type { Lookup } from "./net/target.ts";
import { openOutbound, openState, type Base, type State } from "./state.ts";
import { connectTemporal } from "./temporal-connection.ts";
import { ensureUpkeep, upkeepSoon } from "./upkeep.ts";
import { createPosternWorkers, type PosternWorkersOptions } from "./worker.ts";
import { bundlePosternWorkflows } from "./workflow-bundle.ts";

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

/** Doors, and in the role `all` the workers in the same process. */
export interface Running extends Working {
  readonly smtp: { readonly host: string; readonly port: number };
  /** Undefined: there is none. Of a unix socket: its path, and port 0. */
  readonly lmtp?: { readonly host: string; readonly port: number } | undefined;
  readonly adminKey: Bootstrapped["adminKey"];
  readonly tenant: Bootstrapped["tenant"];
}

/** Of the role `worker` only probes answer: `/healthz`, `/readyz`, `/metrics`. */
export interface Working {
  /** `http://host:port`. */
  readonly http: string;
  /** Resolves when everything has stopped, at most 10 s after the call; what was accepted is safe either way. */
  close(): Promise<void>;
  /** Resolves when the workers, or without them the doors, have stopped; rejects when the workers failed by themselves. */
  readonly ended: Promise<void>;
}

/**
 * Brings up store, blobs, readers, workers (not in the role `gateway`) and doors, in this order; the doors open last.
 * Rejects with a `PosternError` that says the way out; what had been started is stopped again.
 */
export function serve(config: Config, options: ServeOptions): Promise<Running> {
  return orStopped(async (started) => {
    const eager = config.role !== "gateway";
    const { base, known, deps } = await open(config, options, started);
    const { gate, ended } = eager
      ? await startWorkers(options, base, deps, known, started)
      : await startGate(options, base, deps, known, started);
    const { grants, identity, sealer } = known;
    const temporal = { address: options.temporal.connection.address ?? DEFAULT_TEMPORAL_ADDRESS, namespace: options.temporal.namespace };
    const given = { ...base, ...deps, gate, grants, identity: identity.jwk, sealer, temporal };
    const doors = await openDoors(config, given, started);
    return { ...doors, adminKey: known.adminKey, tenant: known.tenant, ended, close: () => inTime(closeAll(started)) };
  });
}

/** The role `worker`: the same without doors, for mail that other processes take in and hand out. */
export function serveWorker(config: Config, options: ServeOptions): Promise<Working> {
  return orStopped(async (started) => {
    const { base, known, deps } = await open(config, options, started);
    const { gate, ended } = await startWorkers(options, base, deps, known, started);
    const http = await openProbes(config, { ...base, ...deps, gate }, started);
    return { http, ended, close: () => inTime(closeAll(started)) };
  });
}

async function orStopped<T>(start: (started: Closing[]) => Promise<T>): Promise<T> {
  const started: Closing[] = [];
  try {
    return await start(started);
  } catch (error) {
    // Why it did not start is what matters.
    await closeAll(started).catch(() => undefined);
    throw error;
  }
}

interface Opened {
  readonly base: Base;
  readonly state: State;
  readonly known: Bootstrapped;
  readonly deps: OutboundDeps;
}

async function open(config: Config, options: ServeOptions, started: Closing[]): Promise<Opened> {
  const base: Base = {
    clock: options.clock ?? Date.now,
    random: options.random ?? randomBytes,
    log: options.log ?? createLog(config.logLevel),
    metrics: new Registry(),
    taskQueues: options.taskQueues ?? TASK_QUEUE,
  };
  const state = await openState(config, base, started);
  const known = await bootstrap({ ...state, ...base, dataDir: config.dataDir, ...keysOf(config) });
  return { base, state, known, deps: openOutbound(config, options, base, state, known, started) };
}

interface Gated {
  readonly gate: Gate;
  readonly ended: Promise<void>;
}

async function startWorkers(
  options: ServeOptions,
  base: Base,
  deps: OutboundDeps,
  known: Bootstrapped,
  started: Closing[],
): Promise<Gated> {
  const { namespace } = options.temporal;
  const { log, taskQueues } = base;
  const { connection, client } = await connectClient(options, base, known, started);
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
  const callOff = upkeepSoon(client, taskQueues);
  started.unshift(async () => callOff());
  return { gate: gateOf(client, true, base, deps, started), ended };
}

/** For doors whose workers are other processes. */
async function startGate(options: ServeOptions, base: Base, deps: OutboundDeps, known: Bootstrapped, started: Closing[]): Promise<Gated> {
  const { client } = await connectClient(options, base, known, started);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  started.unshift(async () => resolve());
  return { gate: gateOf(client, false, base, deps, started), ended };
}

/** The gate of a process, until it closes. `eager`: it has workers. */
export function gateOf(client: Client, eager: boolean, base: Base, deps: OutboundDeps, started: Closing[]): Gate {
  const { taskQueues, random, log } = base;
  const { store, tickets, precedence } = deps;
  const onFault = (fault: unknown): void => log.error({ err: fault }, "a message could not be judged");
  const onUntold = (fault: unknown): void => log.warn({ err: fault }, "a decision on record has not reached its workflow");
  const gate = createGate({ client, store, taskQueues, tickets, precedence, eager, random, onFault, onUntold });
  started.unshift(async () => gate.close());
  return gate;
}

/** Before any worker: none may take another database's tasks. */
async function connectClient({ temporal }: ServeOptions, { log, taskQueues }: Base, { tenant }: Bootstrapped, started: Closing[]) {
  const connection = await connectTemporal(temporal.connection, log);
  started.unshift(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace });
  await ensureUpkeep(client, taskQueues, tenant.id);
  return { connection, client };
}

/** A worker lets nobody in, so it makes no key for the first operator. */
export function keysOf({ role, adminKey, secretKey }: Config) {
  const keys = { ...(adminKey === undefined ? {} : { adminKey }), ...(secretKey === undefined ? {} : { secretKey }) };
  return { ...keys, admits: role !== "worker" };
}
