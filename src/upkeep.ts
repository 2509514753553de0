import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type CalendarSpec, type Client } from "@temporalio/client";
import { PosternError } from "./model/errors.ts";
import { HOURLY_ID, TASK_QUEUE, UPKEEP_ID, WORKFLOW, type TaskQueues } from "./model/names.ts";

/** Names the database that the schedule's instance keeps; the memo of the schedule. */
const MEMO = "postern_instance";

/**
 * Makes the schedules of upkeep (PB-23) unless they are there already. Daily, 03:17 UTC: everything. Hourly: what lost its
 * workflow, because approved mail and reminders should not wait a day for it, and asking Temporal about what waits is cheap;
 * listing every blob is not. The schedules also say whose the task queues are: two databases behind one queue would judge
 * each other's mail, so the second instance is refused (`invalid_config`).
 *
 * @param instance id of the database's first tenant: random, and the same for as long as the database lives
 */
export async function ensureUpkeep(client: Client, taskQueues: TaskQueues, instance: string): Promise<void> {
  await ensure(client, taskQueues, instance, { id: UPKEEP_ID, at: { hour: 3, minute: 17 }, catchupWindow: "1 day", args: [] });
  await ensure(client, taskQueues, instance, { id: HOURLY_ID, at: { hour: "*", minute: 47 }, catchupWindow: "1 hour", args: ["lost"] });
}

/** Milliseconds after a start: the server has then given up on tasks of a worker that died, and what was decided has been heard of. */
const AFTER_START_MS = 15_000;

/**
 * The hourly upkeep once, soon: a machine that went down may have left behind what should not wait for the next hour. Returns
 * what calls it off.
 */
export function upkeepSoon(client: Client, taskQueues: TaskQueues, afterMs = AFTER_START_MS): () => void {
  // Where the server cannot be asked, the next hour's is soon enough.
  const timer = setTimeout(() => void upkeepNow(client, taskQueues).catch(() => undefined), afterMs);
  return () => clearTimeout(timer);
}

/** Unless an operator has paused the schedule. Returns whether it was begun, or is under way. */
export async function upkeepNow(client: Client, taskQueues: TaskQueues): Promise<boolean> {
  const schedule = client.schedule.getHandle(scheduleIdOf(HOURLY_ID, taskQueues));
  const { state } = await schedule.describe();
  if (!state.paused) await schedule.trigger();
  return !state.paused;
}

/** Takes them away, for an instance whose database ends with it. What is gone already is fine. */
export async function removeUpkeep(client: Client, taskQueues: TaskQueues): Promise<void> {
  for (const scheduleId of scheduleIds(taskQueues)) {
    try {
      await client.schedule.getHandle(scheduleId).delete();
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  }
}

function scheduleIds(taskQueues: TaskQueues): readonly string[] {
  return [UPKEEP_ID, HOURLY_ID].map((id) => scheduleIdOf(id, taskQueues));
}

function scheduleIdOf(id: string, { main }: TaskQueues): string {
  return main === TASK_QUEUE.main ? id : `${id}-${main}`;
}

interface Upkeep {
  readonly id: string;
  readonly at: CalendarSpec;
  readonly catchupWindow: "1 day" | "1 hour";
  readonly args: [] | ["lost"];
}

async function ensure(client: Client, taskQueues: TaskQueues, instance: string, { id, at, catchupWindow, args }: Upkeep): Promise<void> {
  const scheduleId = scheduleIdOf(id, taskQueues);
  try {
    await client.schedule.create({
      scheduleId,
      spec: { calendars: [at] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow },
      action: { type: "startWorkflow", workflowType: WORKFLOW.upkeep, taskQueue: taskQueues.main, workflowId: scheduleId, args },
      memo: { [MEMO]: instance },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { memo } = await client.schedule.getHandle(scheduleId).describe();
    if (memo?.[MEMO] !== instance) throw notOurs(client.options.namespace, taskQueues);
  }
}

function notOurs(namespace: string, taskQueues: TaskQueues): PosternError {
  const schedules = scheduleIds(taskQueues).map((id) => `\`${id}\``);
  return new PosternError("invalid_config", `the Temporal namespace \`${namespace}\` serves another Postern database`, {
    fix: `give this instance a namespace of its own (TEMPORAL_NAMESPACE, or the worker's \`namespace\` for the plugin; there another task queue will do), or delete the schedules ${schedules.join(" and ")} if that database is gone`,
  });
}
