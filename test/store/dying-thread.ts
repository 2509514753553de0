import { parentPort, workerData } from "node:worker_threads";
import type { Job, Outcome } from "../../src/store/sqlite/jobs.ts";

// Stands for a database thread that can be told to die, or that never opens.
const data = workerData as { fault?: object };
if (data.fault === undefined) parentPort!.on("message", perform).postMessage("ready");
else parentPort!.postMessage({ fault: data.fault });

function perform(message: readonly Job[] | "close"): void {
  if (message === "close") return parentPort!.close();
  for (const { id, args } of message) {
    const { die } = args as { die?: "exit" | "throw" | "never answer" };
    if (die === "exit") process.exit(3);
    if (die === "throw") throw new Error("thrown in the thread");
    if (die === undefined) parentPort!.postMessage({ answers: [{ id, ok: true, result: { ok: true } }], touched: [] } satisfies Outcome);
  }
}
