import { loadClientConnectConfig } from "@temporalio/envconfig";
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, type NativeConnectionOptions } from "@temporalio/worker";
import type { Logger } from "pino";
import { PosternError } from "./model/errors.ts";
import { DEFAULT_TEMPORAL_ADDRESS } from "./model/names.ts";
import type { ServeOptions } from "./serve.ts";
import { isLoopback } from "./transports/relay.ts";

/** How to reach the server that Temporal's own environment names (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, API key) describe. */
export function externalTemporal(): ServeOptions["temporal"] {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const { address, tls, apiKey, metadata } = connectionOptions;
  const optional = { address, tls, apiKey, metadata };
  const connection = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return { connection, namespace: namespace ?? "default" };
}

/** Rejects with a temporary `unavailable` `PosternError` when nobody answers. */
export async function connectTemporal(options: NativeConnectionOptions, log: Logger): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect({ ...compressionTo(options.address), ...options });
  } catch (cause) {
    log.debug({ err: cause }, "temporal connection failed");
    throw new PosternError("unavailable", `temporal does not answer at \`${options.address ?? DEFAULT_TEMPORAL_ADDRESS}\``, {
      temporary: true,
      fix: "start it, or correct TEMPORAL_ADDRESS; `npm start` brings one of its own",
      cause,
    });
  }
}

/** What does not leave the machine is not compressed, which only costs both sides processor time; elsewhere as Temporal's SDK does. */
export function compressionTo(address = DEFAULT_TEMPORAL_ADDRESS): Pick<NativeConnectionOptions, "grpcCompression"> {
  const host = /^\[?(.+?)\]?(?::\d+)?$/.exec(address)?.[1] ?? "";
  return isLoopback(host) ? { grpcCompression: { codec: "none" } } : {};
}

/** Temporal's warnings and errors go to our log, without the texts of errors. Once per process, before the first connection. */
export function installTemporalLog(log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger("WARN", ({ level, message, meta }) => {
      const facts = { source: "temporal", workflow: meta?.["workflowId"], run: meta?.["runId"], ...factsOf(meta?.["error"]) };
      if (level === "ERROR") log.error(facts, message);
      else log.warn(facts, message);
    }),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: "WARN", other: "ERROR" }), forward: {} } },
    // The composition root ends the process in its own order.
    shutdownSignals: [],
  });
}

/** The native part tells its errors as text, as tonic's `Status` is printed. Of that only the code is logged: the rest may quote anything. */
function factsOf(error: unknown): { readonly err?: unknown; readonly grpc?: string } {
  if (typeof error !== "string") return { err: error };
  return { grpc: /^Status \{ code: ([A-Z][A-Za-z]{1,30}),/.exec(error)?.[1] ?? "unknown" };
}
