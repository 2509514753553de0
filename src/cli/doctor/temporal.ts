import { connect } from "node:net";
import type { Connection } from "@temporalio/client";
import { DEFAULT_TEMPORAL_ADDRESS } from "../../model/names.ts";
import type { TemporalPlace } from "../deps.ts";
import { failed, note, ok, type Check, type Found } from "./check.ts";

const CONNECT_MS = 5_000;
/** Oldest server with complete eager start and update-with-start. */
const OLDEST = [1, 28] as const;
const ATTRIBUTES = ["PosternTenant", "PosternDirection", "PosternState", "PosternOutcome"];

/** Where the server is, or null: embedded, and not running at the moment. */
export function temporalCheck(place: () => Promise<TemporalPlace | null>): Check {
  return { name: "Temporal", run: async () => checkTemporal(await place()) };
}

async function checkTemporal(place: TemporalPlace | null): Promise<Found> {
  if (place === null)
    return note("embedded, not running: `npm start` and `postern serve --embedded` bring it, TEMPORAL_ADDRESS names another");
  const address = addressOf(place);
  const connection = await openTemporal(place);
  if (connection === null) {
    if (place.embedded) return note(`embedded, not running (last at ${address}): \`npm start\` brings it`);
    return failed(`${address} does not answer`, "start it, or correct TEMPORAL_ADDRESS; without one `npm start` brings its own");
  }
  try {
    return await checkServer(connection, address, place.namespace);
  } finally {
    await connection.close();
  }
}

function addressOf({ connection }: TemporalPlace): string {
  return connection.address ?? DEFAULT_TEMPORAL_ADDRESS;
}

/** To be closed. Null: nobody answers there. */
export async function openTemporal(place: TemporalPlace): Promise<Connection | null> {
  return (await isRefused(addressOf(place))) ? null : connectTo(place);
}

/** gRPC would try again and again where the system says at once that nobody listens. */
function isRefused(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || "7233"), timeout: CONNECT_MS });
    const settle = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    socket.once("connect", () => settle(false)).once("timeout", () => settle(false));
    socket.once("error", (error: NodeJS.ErrnoException) => settle(error.code === "ECONNREFUSED"));
  });
}

async function connectTo({ connection: options }: TemporalPlace): Promise<Connection | null> {
  const { Connection: Client } = await import("@temporalio/client");
  return Client.connect({ ...options, connectTimeout: CONNECT_MS }).catch(() => null);
}

async function checkServer(connection: Connection, address: string, namespace: string): Promise<Found> {
  return connection.withDeadline(Date.now() + CONNECT_MS, async () => {
    const { serverVersion } = await connection.workflowService.getSystemInfo({});
    const version = serverVersion === "" ? "of unknown version" : serverVersion;
    if (isOlder(version)) return failed(`${address} is ${version}, older than ${OLDEST.join(".")}`, "update the server");
    if (!(await hasNamespace(connection, namespace))) {
      return failed(`${address}, server ${version}, has no namespace \`${namespace}\``, "make it, or set TEMPORAL_NAMESPACE");
    }
    const missing = await missingAttributes(connection, namespace);
    const attributes =
      missing === null
        ? "search attributes not readable"
        : missing.length === 0
          ? "search attributes there"
          : "without search attributes (optional)";
    return ok(`${address}, server ${version}, namespace \`${namespace}\`, ${attributes}`);
  });
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

async function hasNamespace({ workflowService }: Connection, namespace: string): Promise<boolean> {
  return workflowService.describeNamespace({ namespace }).then(
    () => true,
    () => false,
  );
}

/** Null when this key may not ask. */
async function missingAttributes({ operatorService }: Connection, namespace: string): Promise<readonly string[] | null> {
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return ATTRIBUTES.filter((name) => !(name in customAttributes));
  } catch {
    return null;
  }
}
