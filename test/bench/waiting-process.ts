// The process under measurement: a whole instance whose drafts wait for people.
import { Worker } from "@temporalio/worker";
import { answerParent, type Subject } from "./child.ts";
import { startInstance, type InstanceSetup } from "./instance.ts";
import { watchMemory, type Memory } from "./memory.ts";

export interface Weight extends Memory {
  /** Workflows that the workers keep in memory. */
  readonly cached: number;
}

answerParent(async (setup: InstanceSetup): Promise<Subject> => {
  const weigh = watchMemory();
  const workers = watchWorkers();
  const running = await startInstance(setup);
  const cached = (): number => workers.reduce((sum, worker) => sum + worker.getStatus().numCachedWorkflows, 0);
  return {
    tasks: { http: async () => running.http, weigh: async (): Promise<Weight> => ({ ...(await weigh()), cached: cached() }) },
    close: () => running.close(),
  };
});

/** The instance keeps its workers to itself, and only they can say how many workflows they keep. */
function watchWorkers(): readonly Worker[] {
  const workers: Worker[] = [];
  const { create } = Worker;
  // Called on the class that is to be made.
  Worker.create = async function (this: typeof Worker, options) {
    const worker = await create.call(this, options);
    workers.push(worker);
    return worker;
  };
  return workers;
}
