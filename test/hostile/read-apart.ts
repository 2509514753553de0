import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** The bytes of an answer, read by a thread of its own: what a client does with 25 MiB is no doing of the server's. */
export async function readApart(url: string, key: string): Promise<Buffer> {
  const thread = new Worker(new URL("./reader-thread.ts", import.meta.url), { workerData: { url, key } });
  try {
    const [bytes] = (await once(thread, "message")) as [ArrayBuffer];
    return Buffer.from(bytes);
  } finally {
    await thread.terminate();
  }
}
