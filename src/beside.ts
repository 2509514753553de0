import { randomBytes } from "node:crypto";
import type { Client } from "@temporalio/client";
import { Registry } from "prom-client";
import type { OutboundDeps } from "../activities/deps.ts";
import { bootstrap, type Bootstrapped } from "./bootstrap.ts";
import { closeAll, inTime, type Closing } from "./closing.ts";
import type { Config } from "./config.ts";
import { openDoors } from "./doors.ts";
import { createLog } from "./log.ts";
import type { TaskQueues } from "./model/names.ts";
import { gateOf, keysOf, type Running, type ServeOptions } from "./serve.ts";
import { openOutbound, openState, type Base } from "./state.ts";
import { ensureUpkeep, upkeepSoon } from "./upkeep.ts";

export interface BesideOptions extends Pick<ServeOptions, "clock" | "random" | "retryMs" | "log"> {
  /** Of the worker's own connection, with its converters and interceptors. */
  readonly client: Client;
  readonly taskQueues: TaskQueues;
  /** False: another process has the doors. */
  readonly doors: boolean;
  /** Judgements under way at once, for all peers of the SMTP door together. */
  readonly judgements: number;
  /** For commands that are printed: where the Temporal CLI finds the workflows. */
  readonly temporal: { readonly address: string; readonly namespace: string };
}

/** An instance whose worker is somebody else's. */
export interface Beside {
  readonly deps: OutboundDeps;
  /** Null: in another process. */
  readonly doors: Pick<Running, "smtp" | "http"> | null;
  readonly adminKey: Bootstrapped["adminKey"];
  readonly tenant: Bootstrapped["tenant"];
  /** Once the worker takes no more work: whoever knocks is not kept waiting for it. */
  closeDoors(): Promise<void>;
  /** Doors, then what they stand on; at most some 10 s. */
  close(): Promise<void>;
}

/** Everything of {@link serve} but the workers, in the same order. Rejects with a `PosternError` that says the way out. */
export async function serveBeside(config: Config, options: BesideOptions): Promise<Beside> {
  const started: Closing[] = [];
  try {
    return await start(config, options, started);
  } catch (error) {
    await closeAll(started).catch(() => undefined);
    throw error;
  }
}

async function start(config: Config, options: BesideOptions, started: Closing[]): Promise<Beside> {
  const { client, taskQueues } = options;
  const base: Base = {
    clock: options.clock ?? Date.now,
    random: options.random ?? randomBytes,
    log: options.log ?? createLog(config.logLevel),
    metrics: new Registry(),
    taskQueues,
  };
  const state = await openState(config, base, started);
  const known = await bootstrap({ ...state, ...base, dataDir: config.dataDir, ...keysOf(config) });
  const deps = openOutbound(config, options, base, state, known, started);
  await ensureUpkeep(client, taskQueues, known.tenant.id);
  const callOff = upkeepSoon(client, taskQueues);
  started.unshift(async () => callOff());
  const gate = gateOf(client, true, base, deps, started);
  const { grants, identity, sealer } = known;
  const given = {
    ...base,
    ...state,
    ...deps,
    gate,
    grants,
    identity: identity.jwk,
    sealer,
    temporal: options.temporal,
  };
  const closing: Closing[] = [];
  const closeDoors = (): Promise<void> => inTime(closeAll(closing));
  started.unshift(closeDoors);
  const doors = options.doors ? await openDoors(config, given, closing, options.judgements) : null;
  const close = (): Promise<void> => inTime(closeAll(started));
  return { deps, doors, adminKey: known.adminKey, tenant: known.tenant, closeDoors, close };
}
