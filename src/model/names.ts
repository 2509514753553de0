// Temporal names are public API (DESIGN §7): a cluster's dashboards, alarms and schedules refer to them.

/** Workflow type names. */
export const WORKFLOW = {
  inboundMessage: "inboundMessage",
  releaseMessage: "releaseMessage",
  upkeep: "upkeep",
} as const;

/** Schedule id and, with the time appended by Temporal, workflow id of the daily upkeep. */
export const UPKEEP_ID = "postern-upkeep";

/** Default task queues; a deployment may name its own. Inbound has its own worker so that slow DNS never stops approvals. */
export const TASK_QUEUE = {
  inbound: "postern-inbound",
  main: "postern",
} as const;

/** `ApplicationFailure.type` of a run that ended without a final decision. Keep it out of failure alarms: the sender will retry. */
export const DEFERRED_FAILURE = "Deferred";

/** `ApplicationFailure.type` of a release that found nothing waiting. */
export const RELEASE_REFUSED_FAILURE = "ReleaseRefused";

export interface TaskQueues {
  readonly inbound: string;
  readonly main: string;
}
