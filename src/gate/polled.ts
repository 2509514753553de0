import type { Connection } from "@temporalio/client";
import { inTime } from "./within.ts";

/** What is asked; a connection and a client's both have it. */
export type TaskQueueService = Pick<Connection, "workflowService" | "withDeadline">;

/** Milliseconds for the server's word: whoever asks only wants to be warned. */
const LOOK_MS = 2_000;

const WORKFLOW_TASKS = 1;
const ENHANCED = 1;

/**
 * Those of `queues` that no worker has asked for workflow tasks in the last five minutes. What the server does not say in
 * time, or may not tell, is not among them.
 */
export async function unpolledOf(service: TaskQueueService, namespace: string, queues: readonly string[]): Promise<readonly string[]> {
  const looked = await Promise.all(
    [...new Set(queues)].map(async (queue) => ((await isUnpolled(service, namespace, queue)) ? [queue] : [])),
  );
  return looked.flat();
}

async function isUnpolled(service: TaskQueueService, namespace: string, queue: string): Promise<boolean> {
  try {
    return (await pollers(service, namespace, queue)) === 0;
  } catch {
    return false;
  }
}

/** A large queue has several parts: the short answer is about one of them, the long one about all. */
async function pollers(service: TaskQueueService, namespace: string, name: string): Promise<number> {
  const asked = { namespace, taskQueue: { name } };
  const short = await ask(service, { ...asked, taskQueueType: WORKFLOW_TASKS });
  if ((short.pollers ?? []).length > 0) return short.pollers.length;
  const long = await ask(service, {
    ...asked,
    ...{ apiMode: ENHANCED, taskQueueTypes: [WORKFLOW_TASKS], versions: { unversioned: true, allActive: true }, reportPollers: true },
  });
  return Object.values(long.versionsInfo).reduce((sum, { typesInfo }) => sum + (typesInfo?.[WORKFLOW_TASKS]?.pollers?.length ?? 0), 0);
}

type Request = Parameters<TaskQueueService["workflowService"]["describeTaskQueue"]>[0];

function ask(service: TaskQueueService, request: Request) {
  return inTime(
    LOOK_MS,
    service.withDeadline(Date.now() + LOOK_MS, () => service.workflowService.describeTaskQueue(request)),
  );
}
