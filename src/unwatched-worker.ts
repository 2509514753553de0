import { Worker, type CompiledWorkerOptions } from "@temporalio/worker";

/**
 * The SDK's worker, but nobody watches how long a workflow computes. For each of the dozen times that a workflow task enters
 * the sandbox Node starts a thread that would stop it after 5 s, and waits until that thread has ended. Postern's own workflows
 * wait and compute nothing; the workflows of agents have workers of their own, and those are watched.
 */
export class UnwatchedWorker extends Worker {
  protected static override createWorkflowCreator(bundle: never, options: CompiledWorkerOptions, logger: never) {
    // Also to `node:vm`, which is handed it as it is, no limit is `undefined`.
    return super.createWorkflowCreator(bundle, { ...options, isolateExecutionTimeoutMs: undefined as never }, logger);
  }
}
