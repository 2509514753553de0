import { parentPort, workerData } from "node:worker_threads";
import { MIGRATIONS } from "../migrations/list.ts";
import { kyselyOver } from "./dialect.ts";
import { toFault } from "./fault.ts";
import { readJobs, writeJobs, type Connection, type Job } from "./jobs.ts";
import { migrate } from "./migrate.ts";
import { openReader, openWriter } from "./open.ts";

/** What a store thread is started with. */
export interface ThreadData {
  readonly path: string;
  readonly role: "writer" | "reader";
}

/** Jobs folded into one commit at most: bounds how long the first waits for the last. */
const LARGEST_BATCH = 200;

const port = parentPort!;
const { path, role } = workerData as ThreadData;
const queue: Job[] = [];
let busy = false;
let closing = false;

function open(): Connection {
  const sqlite = role === "writer" ? openWriter(path) : openReader(path);
  if (role === "writer") migrate(sqlite, MIGRATIONS);
  return { sqlite, db: kyselyOver(sqlite) };
}

async function drain(connection: Connection): Promise<void> {
  busy = true;
  while (queue.length > 0) {
    const jobs = queue.splice(0, LARGEST_BATCH);
    port.postMessage(await (role === "writer" ? writeJobs(connection, jobs) : readJobs(connection, jobs)));
    // Let in what arrived meanwhile, so that it shares the next commit.
    if (queue.length > 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  busy = false;
  if (closing) finish(connection);
}

function finish(connection: Connection): void {
  connection.sqlite.close();
  port.close();
}

function listen(connection: Connection): void {
  port.on("message", (message: readonly Job[] | "close") => {
    if (message === "close") closing = true;
    else queue.push(...message);
    if (busy) return;
    busy = true;
    // After the messages that are waiting already: they share the first commit.
    setImmediate(() => void drain(connection));
  });
  port.postMessage("ready");
}

try {
  listen(open());
} catch (error) {
  port.postMessage({ fault: toFault(error) });
}
