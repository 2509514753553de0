import { Runtime } from "@temporalio/worker";
import type { Config } from "./config.ts";
import { createLog } from "./log.ts";
import { serve, type Running, type ServeOptions } from "./serve.ts";
import { installTemporalLog } from "./temporal-connection.ts";

/**
 * {@link serve} for a process that is one instance: with its log, and Temporal's in it. After a rejection nothing keeps the
 * process alive.
 *
 * @param logFile default: standard error
 */
export async function serveProcess(config: Config, temporal: ServeOptions["temporal"], logFile?: string): Promise<Running> {
  const log = createLog(config.logLevel, logFile);
  installTemporalLog(log);
  try {
    return await serve(config, { temporal, log });
  } catch (error) {
    // The SDK's runtime has threads of its own, which nothing else ends where no connection was made.
    await Runtime.instance().shutdown();
    throw error;
  }
}
