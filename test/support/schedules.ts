import { setTimeout as pause } from "node:timers/promises";
import type { ScheduleHandle } from "@temporalio/client";

const LOOK_MS = 20;

/** Id of the workflow that a schedule began last; the server tells of it a moment later. */
export async function begun(schedule: ScheduleHandle): Promise<string> {
  for (;;) {
    const [last] = (await schedule.describe()).info.recentActions;
    if (last?.action.type === "startWorkflow") return last.action.workflow.workflowId;
    await pause(LOOK_MS);
  }
}
