import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { pino } from "pino";
import { Registry } from "prom-client";
import { Precedence } from "../../activities/precedence.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { createGate } from "../../src/gate.ts";
import { createTickets } from "../../src/grants/ticket.ts";
import type { TaskQueues } from "../../src/model/names.ts";
import { startSmtp } from "../../src/smtp/start.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { createReaderPool } from "../../src/threads/pool.ts";

export interface GatewayOptions {
  readonly dataDir: string;
  readonly temporal: string;
  readonly taskQueues: TaskQueues;
  readonly answerMs: number;
}

/** The SMTP door of an instance whose workers have stopped. `faults`: why messages could not be judged, so far. */
export async function startGateway({ dataDir, temporal, taskQueues, answerMs }: GatewayOptions) {
  const store = await createSqliteStore({ path: join(dataDir, "postern.db") });
  const blobRoot = join(dataDir, "blobs");
  const blobs = await createFileBlobs(blobRoot, Date.now);
  const reader = createReaderPool({ source: { kind: "files", root: blobRoot }, zone: join(dataDir, "zone.json") });
  const connection = await Connection.connect({ address: temporal });
  const tickets = createTickets((await readFile(join(dataDir, "secret.key"), "utf8")).trim());
  const client = new Client({ connection });
  const faults: unknown[] = [];
  const onFault = (fault: unknown): void => void faults.push(fault);
  const parts = { client, store, taskQueues, tickets, precedence: new Precedence(), random: randomBytes };
  const gate = createGate({ ...parts, eager: false, onFault, onUntold: onFault });
  const smtp = await startSmtp({
    ...{ host: "127.0.0.1", port: 0, name: "gateway.example", trustedRelays: ["127.0.0.1"], limits: { answerMs } },
    deps: {
      ...{ store, blobs, uses: createUses(), gate, reader, clock: Date.now, random: randomBytes },
      freeBytes: async () => Number.MAX_SAFE_INTEGER,
      log: pino({ level: "silent" }),
      metrics: new Registry(),
    },
  });
  const close = async (): Promise<void> => {
    await smtp.close();
    await connection.close();
    await reader.close();
    await blobs.close();
    await store.close();
  };
  return { smtp: smtp.address, faults, close };
}
