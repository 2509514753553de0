import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from "@temporalio/client";
import { UPKEEP_ID, WORKFLOW, type TaskQueues } from "./model/names.ts";

/** Makes the daily schedule of upkeep, 03:17 UTC (PB-23), unless the namespace has it already. */
export async function ensureUpkeep(client: Client, taskQueues: TaskQueues): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: UPKEEP_ID,
      spec: { calendars: [{ hour: 3, minute: 17 }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 day" },
      action: { type: "startWorkflow", workflowType: WORKFLOW.upkeep, taskQueue: taskQueues.main, workflowId: UPKEEP_ID },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
