import { writeSync } from "node:fs";
import type { Store } from "../../src/store/contract.ts";
import { depsOf, openSite, sendOnce, transportTo, type Order } from "./sending.ts";

/** Where the process kills itself: before or after one operation of the store, or nowhere. */
export interface Task {
  readonly directory: string;
  /** Null: the sandbox. */
  readonly port: number | null;
  readonly order: Order;
  readonly dies: { readonly when: "before" | "after"; readonly operation: string } | null;
}

// One go at sending, by a worker that may die in it.
const { directory, port, order, dies } = JSON.parse(process.argv[2]!) as Task;
const site = await openSite(directory);

const mortal: Store = {
  ...site.store,
  watch: (key, timeoutMs) => site.store.watch(key, timeoutMs),
  close: () => site.store.close(),
  async run(name, args) {
    if (dies?.operation === name && dies.when === "before") process.kill(process.pid, "SIGKILL");
    const result = await site.store.run(name, args);
    if (dies?.operation === name && dies.when === "after") process.kill(process.pid, "SIGKILL");
    return result;
  },
};

const transport = transportTo(port, { store: mortal, blobs: site.blobs });
writeSync(1, JSON.stringify(await sendOnce(depsOf({ store: mortal, blobs: site.blobs }, transport), order)));
await transport.close();
await site.close();
