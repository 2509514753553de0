import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { createAdaptorServer } from "@hono/node-server";
import { PosternError } from "../model/errors.ts";
import type { HttpEnv } from "./deps.ts";

/** Bounds on what a peer may take, before a route sees it. Times in milliseconds. */
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  /** For the header block. */
  headersTimeout: 10_000,
  /** For the whole request; answering may take longer (long polls). */
  requestTimeout: 30_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
} as const;
const MAX_HEADERS = 100;
const MAX_CONNECTIONS = 4_000;
/** How long `close` lets running requests finish. */
const GRACE_MS = 3_000;

export interface HttpListening {
  /** `http://host:port` it really listens on. */
  readonly address: string;
  /** Stops accepting, lets requests finish for a moment, then cuts them off. Resolves when the port is free. */
  close(): Promise<void>;
}

/** Port 0 lets the system choose. Throws `invalid_config` when the address cannot be taken. */
export async function startHttp(options: { app: OpenAPIHono<HttpEnv>; host: string; port: number }): Promise<HttpListening> {
  const { app, host, port } = options;
  // The adaptor would otherwise replace the process's own Request and Response.
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false, serverOptions: LIMITS }) as Server;
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, host, port);
  return { address: addressOf(server), close: () => close(server) };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
  server.listen(port, host, resolve);
  return promise;
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cutOff = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  server.close(() => {
    clearTimeout(cutOff);
    resolve();
  });
  server.closeIdleConnections();
  return promise;
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): PosternError {
  const why = cause.code === "EADDRINUSE" ? "the port is in use" : `${cause.code ?? "unknown"}`;
  return new PosternError("invalid_config", `HTTP cannot listen on \`${host}:${port}\`: ${why}`, {
    fix: "set POSTERN_HTTP to another address, or stop what listens there",
    cause,
  });
}
