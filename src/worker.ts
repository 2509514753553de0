import type { NativeConnection, Worker, WorkflowBundleWithSourceMap } from "@temporalio/worker";
import type { OutboundDeps } from "../activities/deps.ts";
import { createAgentActivities } from "../activities/agent.ts";
import { createInboundActivities, createMainActivities } from "../activities/index.ts";
import { mostQuick, QuickSends } from "../activities/quick-sends.ts";
import { inTime } from "./closing.ts";
import type { TaskQueues } from "./model/names.ts";
import { UnwatchedWorker } from "./unwatched-worker.ts";

export interface PosternWorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueues: TaskQueues;
  readonly deps: OutboundDeps;
  /** Made once per process by `bundlePosternWorkflows`. */
  readonly bundle: WorkflowBundleWithSourceMap;
  /** 0 replays every workflow from its first event at every task; for tests of determinism. Default: {@link CACHED_WORKFLOWS}. */
  readonly maxCachedWorkflows?: number;
}

/** Workflow tasks under way at once in a worker: a judgement is one until its last local activity has ended. */
export const INBOUND_SLOTS = 100;

/**
 * What a worker may have under way. A busy server answers each poll late: with a fixed few, workflows whose mail has left wait
 * for their last task, until they are more than are kept in memory and each is read again. An open poll holds a slot.
 */
export const WORKER_BOUNDS = {
  maxConcurrentWorkflowTaskExecutions: INBOUND_SLOTS,
  maxConcurrentLocalActivityExecutions: INBOUND_SLOTS,
  workflowTaskPollerBehavior: { type: "autoscaling", minimum: 5, initial: 5, maximum: INBOUND_SLOTS / 4 },
} as const;

/**
 * Of one worker, in memory; some 90 KB each. What waits for people is read again from its history when somebody decides
 * (DESIGN §10): the SDK would keep as many as half the heap takes.
 */
const CACHED_WORKFLOWS = 200;

/** Milliseconds after which what is still under way is cut off when the workers stop. */
const FORCE_MS = 8_000;

/** Inbound has a worker and a queue of its own: a slow resolver must not stop a person's approval. */
export async function createPosternWorkers(options: PosternWorkersOptions): Promise<PosternWorkers> {
  const inbound = await createWorker(options, options.taskQueues.inbound, createInboundActivities(options.deps));
  const { deps, taskQueues } = options;
  const quickSends = new QuickSends(mostQuick(INBOUND_SLOTS));
  const agents = createAgentActivities(deps, taskQueues.main);
  const main = await createWorker(options, taskQueues.main, { ...createMainActivities(deps, quickSends), ...agents });
  return new PosternWorkers([inbound, main], quickSends);
}

async function createWorker(options: PosternWorkersOptions, taskQueue: string, activities: object): Promise<Worker> {
  return UnwatchedWorker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue,
    activities,
    workflowBundle: options.bundle,
    ...WORKER_BOUNDS,
    shutdownGraceTime: "5 seconds",
    shutdownForceTime: FORCE_MS,
    maxCachedWorkflows: options.maxCachedWorkflows ?? CACHED_WORKFLOWS,
  });
}

/** Both workers, run and shut down together. */
export class PosternWorkers {
  readonly #workers: readonly Worker[];
  readonly #quickSends: QuickSends;
  #runs: readonly Promise<void>[] = [];

  constructor(workers: readonly Worker[], quickSends: QuickSends) {
    this.#workers = workers;
    this.#quickSends = quickSends;
  }

  /** Resolves when both have shut down; rejects when one fails. */
  run(): Promise<void> {
    if (this.#runs.length === 0) this.#runs = this.#workers.map((worker) => worker.run());
    return Promise.all(this.#runs).then(() => undefined);
  }

  /**
   * Resolves when both have stopped. Never rejects: that one failed, or had to be cut off, is told by `run`, and must not
   * keep what it stands on from being closed. A judgement that was cut off goes on with the next worker.
   */
  async shutdown(): Promise<void> {
    // The workers know nothing of mail that goes on beside a workflow task.
    const sent = inTime(this.#quickSends.close(), FORCE_MS);
    for (const worker of this.#workers) if (worker.getState() === "RUNNING") worker.shutdown();
    await Promise.allSettled([...this.#runs, sent]);
  }
}
