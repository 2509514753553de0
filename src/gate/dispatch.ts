import type { Client } from "@temporalio/client";
import type { DispatchRef } from "../model/channel.ts";
import { dispatchWorkflowId } from "../model/ids.ts";
import { WAKE_SIGNAL, WORKFLOW } from "../model/names.ts";
import { within } from "./within.ts";

interface DispatchDeps {
  readonly client: Client;
  /** The main task queue. */
  readonly taskQueue: string;
}

/** Milliseconds for a call that only needs the server's word. */
const CALL_MS = 5_000;

/** A delivery that was put in line again: also a workflow that is about to end looks once more. */
export async function dispatchAgain({ client, taskQueue }: DispatchDeps, ref: DispatchRef): Promise<void> {
  await within(client, CALL_MS, () =>
    client.workflow.signalWithStart(WORKFLOW.dispatchMessage, {
      workflowId: dispatchWorkflowId(ref.dispatch),
      taskQueue,
      args: [ref],
      signal: WAKE_SIGNAL,
      workflowIdReusePolicy: "ALLOW_DUPLICATE",
    }),
  );
}

/** One whose workflow may have been lost; nothing when it is there. */
export async function dispatchLost({ client, taskQueue }: DispatchDeps, ref: DispatchRef): Promise<void> {
  await within(client, CALL_MS, () =>
    client.workflow.start(WORKFLOW.dispatchMessage, {
      workflowId: dispatchWorkflowId(ref.dispatch),
      taskQueue,
      args: [ref],
      workflowIdConflictPolicy: "USE_EXISTING",
      workflowIdReusePolicy: "ALLOW_DUPLICATE",
    }),
  );
}
