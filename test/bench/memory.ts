import { Session } from "node:inspector/promises";
import type { Worker } from "node:worker_threads";

/** Bytes. */
export interface Memory {
  readonly rss: number;
  /** Live objects of the main thread and of all others, after a collection in each. */
  readonly heap: number;
}

/** To be called before the process makes its threads. */
export function watchMemory(): () => Promise<Memory> {
  const threads = new Set<Worker>();
  process.on("worker", (thread) => {
    threads.add(thread);
    thread.once("exit", () => threads.delete(thread));
  });
  return async () => {
    await collectEverywhere(threads.size);
    const others = await Promise.all([...threads].map(async (thread) => (await thread.getHeapStatistics()).used_heap_size));
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heap: others.reduce((sum, used) => sum + used, heapUsed) };
  };
}

/** Over the inspector's protocol: nothing else can ask another thread for a collection. */
async function collectEverywhere(threads: number): Promise<void> {
  const session = new Session();
  session.connect();
  const all = Promise.withResolvers<void>();
  let left = threads;
  const collect = JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" });
  session.on("NodeWorker.attachedToWorker", ({ params: { sessionId } }) => {
    session.post("NodeWorker.sendMessageToWorker", { sessionId, message: collect }).catch(all.reject);
  });
  session.on("NodeWorker.receivedMessageFromWorker", () => {
    left -= 1;
    if (left === 0) all.resolve();
  });
  await session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
  if (threads > 0) await all.promise;
  await session.post("HeapProfiler.collectGarbage");
  session.disconnect();
}
