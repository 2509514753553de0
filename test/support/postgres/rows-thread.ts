import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { Client } from "pg";
import { TYPES } from "../../../src/store/postgres/values.ts";
import type { Asked, Told } from "./rows.ts";

// Carries out what `rows.ts` asks, one after the other, and wakes who waits for it.

const { signal, port } = workerData as { signal: Int32Array; port: MessagePort };
const clients = new Map<string, Client>();

async function clientOf(url: string): Promise<Client> {
  const known = clients.get(url);
  if (known !== undefined) return known;
  const client = new Client({ connectionString: url, types: TYPES });
  client.on("error", () => clients.delete(url));
  await client.connect();
  clients.set(url, client);
  return client;
}

async function answer({ url, sql, values }: Asked): Promise<Told> {
  try {
    const { rows, rowCount } = await (await clientOf(url)).query<Record<string, unknown>>(sql, [...values]);
    return { rows, changes: rowCount ?? 0 };
  } catch (error) {
    return { message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort!.on("message", (asked: Asked) => {
  void answer(asked).then((told) => {
    port.postMessage(told);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  });
});
