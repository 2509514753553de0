import { Runtime } from "@temporalio/worker";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { createLog } from "./log.ts";
import { serve, serveWorker, type Running, type ServeOptions, type Working } from "./serve.ts";
import { installTemporalLog } from "./temporal-connection.ts";

/**
 * {@link serve} for a process that is one instance: with its log, and Temporal's in it. After a rejection nothing keeps the
 * process alive.
 *
 * @param logFile default: standard error
 */
export function serveProcess(config: Config, temporal: ServeOptions["temporal"], logFile?: string): Promise<Running> {
  return inProcess(config, logFile, (log) => serve(config, { temporal, log }));
}

/** {@link serveWorker} likewise. */
export function workProcess(config: Config, temporal: ServeOptions["temporal"]): Promise<Working> {
  return inProcess(config, undefined, (log) => serveWorker(config, { temporal, log }));
}

async function inProcess<T>(config: Config, logFile: string | undefined, start: (log: Logger) => Promise<T>): Promise<T> {
  const log = createLog(config.logLevel, logFile);
  installTemporalLog(log);
  try {
    return await start(log);
  } catch (error) {
    // The SDK's runtime has threads of its own, which nothing else ends where no connection was made.
    await Runtime.instance().shutdown();
    throw error;
  }
}
