import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from "@temporalio/client";
import { PosternError } from "./model/errors.ts";
import { TASK_QUEUE, UPKEEP_ID, WORKFLOW, type TaskQueues } from "./model/names.ts";

/** Names the database that the schedule's instance keeps; the memo of the schedule. */
const MEMO = "postern_instance";

/**
 * Makes the daily schedule of upkeep, 03:17 UTC (PB-23), unless it is there already. The schedule also says whose the task
 * queues are: two databases behind one queue would judge each other's mail, so the second instance is refused
 * (`invalid_config`).
 *
 * @param instance id of the database's first tenant: random, and the same for as long as the database lives
 */
export async function ensureUpkeep(client: Client, taskQueues: TaskQueues, instance: string): Promise<void> {
  const scheduleId = taskQueues.main === TASK_QUEUE.main ? UPKEEP_ID : `${UPKEEP_ID}-${taskQueues.main}`;
  try {
    await client.schedule.create({
      scheduleId,
      spec: { calendars: [{ hour: 3, minute: 17 }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 day" },
      action: { type: "startWorkflow", workflowType: WORKFLOW.upkeep, taskQueue: taskQueues.main, workflowId: scheduleId },
      memo: { [MEMO]: instance },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { memo } = await client.schedule.getHandle(scheduleId).describe();
    if (memo?.[MEMO] !== instance) throw notOurs(client.options.namespace);
  }
}

function notOurs(namespace: string): PosternError {
  return new PosternError("invalid_config", `the Temporal namespace \`${namespace}\` serves another Postern database`, {
    fix: `set TEMPORAL_NAMESPACE to a namespace of this instance's own, or delete the schedule \`${UPKEEP_ID}\` if that database is gone`,
  });
}
