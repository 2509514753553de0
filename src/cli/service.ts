import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { TemporalServer } from "../dev/temporal.ts";
import { PosternError } from "../model/errors.ts";
import { DEFAULT_TEMPORAL_ADDRESS } from "../model/names.ts";
import type { Running, ServeOptions, Working } from "../serve.ts";
import type { Environment, ServiceParts, Started, Stream, TemporalPlace } from "./deps.ts";

/** The parts of the service for `serve` and `doctor`. Part of the composition root; imported late, because they are large. */
export function createServiceParts(env: Environment, stderr: Stream): ServiceParts {
  return {
    loadConfig: async (given) => (await import("../config.ts")).loadConfig({ ...given }),
    start: (config, { embedded }) => (embedded ? startEmbedded(config, env, stderr) : startExternal(config)),
    temporalOf: (config) =>
      config.temporal.kind === "external" ? externalTemporal() : lastEmbedded(config.dataDir, config.temporal.namespace),
  };
}

async function startExternal(config: Config): Promise<Started> {
  const temporal = await externalTemporal();
  const running = await (config.role === "worker" ? startWorker(config, temporal) : startInstance(config, temporal));
  const failed = running.ended.then(stoppedByItself);
  return { running, temporal: temporal.connection.address ?? DEFAULT_TEMPORAL_ADDRESS, failed, close: () => running.close() };
}

async function startEmbedded(config: Config, env: Environment, stderr: Stream): Promise<Started> {
  const server = await startServer(config, env, stderr);
  try {
    const running = await startInstance(config, { connection: { address: server.address }, namespace: server.namespace });
    const close = async (): Promise<void> => {
      try {
        await running.close();
      } finally {
        await server.stop();
      }
    };
    const failed = Promise.race([running.ended, server.exited]).then(stoppedByItself);
    return { running, temporal: `${server.address} (embedded)`, failed, close };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startInstance(config: Config, temporal: ServeOptions["temporal"]): Promise<Running> {
  const { serveProcess } = await import("../serve-process.ts");
  return serveProcess(config, temporal);
}

async function startWorker(config: Config, temporal: ServeOptions["temporal"]): Promise<Working> {
  const { workProcess } = await import("../serve-process.ts");
  return workProcess(config, temporal);
}

async function startServer({ dataDir, temporal }: Config, env: Environment, stderr: Stream): Promise<TemporalServer> {
  const [{ findTemporal }, { startTemporal }, { createProgress }] = await Promise.all([
    import("../dev/temporal/find.ts"),
    import("../dev/temporal.ts"),
    import("../dev/temporal/progress.ts"),
  ]);
  const executable = await findTemporal({ ...env }, createProgress(stderr));
  const { namespace = "default", port } = temporal.kind === "embedded" ? temporal : {};
  return startTemporal({ executable, dataDir, namespace, ...(port === undefined ? {} : { port }) });
}

function stoppedByItself(): never {
  throw new PosternError("unavailable", "the workers or the Temporal server stopped by themselves", { fix: "see the log above" });
}

async function externalTemporal(): Promise<TemporalPlace> {
  const { externalTemporal: readEnvironment } = await import("../temporal-connection.ts");
  return { ...readEnvironment(), embedded: false };
}

/** The embedded server writes down its port. */
async function lastEmbedded(dataDir: string, namespace: string): Promise<TemporalPlace | null> {
  try {
    const { port } = JSON.parse(await readFile(join(dataDir, "temporal", "server.json"), "utf8")) as { readonly port?: unknown };
    return Number.isInteger(port) ? { connection: { address: `127.0.0.1:${Number(port)}` }, namespace, embedded: true } : null;
  } catch {
    return null;
  }
}
