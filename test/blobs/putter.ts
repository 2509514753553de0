import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Done, Order } from "./put-process.ts";

/** A process of its own that has the blobs of a root open. */
export interface Putter {
  readonly pid: number;
  /** Resolves with what came of it; never, when the process is killed before. */
  order(order: Order): Promise<Done>;
  kill(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL("./put-process.ts", import.meta.url));

export async function startPutter(root: string, restMs = 30_000): Promise<Putter> {
  const child = fork(ENTRY, [root, String(restMs)], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  onTestFinished(kill);
  const waiting = new Map<string, (done: Done) => void>();
  await once(child, "message");
  child.on("message", (done: Done) => waiting.get(`${done.verb} ${done.number}`)?.(done));
  return {
    pid: child.pid!,
    order(order) {
      const { promise, resolve } = Promise.withResolvers<Done>();
      waiting.set(`${order.verb} ${order.number}`, resolve);
      // What cannot be sent to a process that was killed is not carried out.
      child.send(order, () => undefined);
      return promise;
    },
    kill,
  };
}
