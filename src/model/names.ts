// Temporal names are public API (DESIGN §7): a cluster's dashboards, alarms and schedules refer to them.

/** Workflow type names. */
export const WORKFLOW = {
  inboundMessage: "inboundMessage",
  /** The same for messages that arrived together. */
  inboundMessages: "inboundMessages",
  /** An agent's draft, from submitting to the last reply of the transport. Id `out-…`. */
  outboundMessage: "outboundMessage",
  /** Inbound mail that waits for people. Id `hold-…`. */
  holdMessage: "holdMessage",
  /** One delivery of one message by a channel that leaves the process, until it arrived or is a dead letter. Id `dsp-…`. */
  dispatchMessage: "dispatchMessage",
  upkeep: "upkeep",
} as const;

/** Signal that brings an agent's workflow its mail. One argument, a `MailDelivery`. */
export const MAIL_SIGNAL = "posternMail";

/** Updates (sent by doors) and signals (sent by the Temporal CLI) of `outboundMessage` and `holdMessage`: one argument, a `HoldMessage`. */
export const HOLD_MESSAGE = {
  approve: "approve",
  reject: "reject",
  edit: "edit",
  cancel: "cancel",
  resend: "resend",
  settle: "settle",
  settle_failed: "settle_failed",
} as const;

/** Signal of `outboundMessage`: something it waits for may have changed (a kill switch, a cap); it looks again. No argument. */
export const WAKE_SIGNAL = "wake";

/** Schedule id and, with the time appended by Temporal, workflow id of the daily upkeep. */
export const UPKEEP_ID = "postern-upkeep";

/** The same of the hourly one, which only looks for what is lost. */
export const HOURLY_ID = "postern-hourly";

/** Default task queues; a deployment may name its own. Inbound has its own worker so that slow DNS never stops approvals. */
export const TASK_QUEUE = {
  inbound: "postern-inbound",
  main: "postern",
} as const;

/** `ApplicationFailure.type` of a run that ended without a final decision. Keep it out of failure alarms: the sender will retry. */
export const DEFERRED_FAILURE = "Deferred";

/** `ApplicationFailure.type` of a draft that was refused for a cap: the agent may submit the same again. */
export const LIMITED_FAILURE = "Limited";

/** `ApplicationFailure.type` of an attempt at a delivery that is to be followed by another. Keep it out of failure alarms. */
export const MISSED_FAILURE = "Missed";

/**
 * `ApplicationFailure.type` of a run that no door and no step of ours began: its input has no ticket or another's, or is more
 * than a door ever gathers. Worth an alarm: somebody who may write to the namespace tries things out, or processes have
 * different secret keys.
 */
export const UNTRUSTED_START = "untrusted_start";

export interface TaskQueues {
  readonly inbound: string;
  readonly main: string;
}

/** Where Temporal listens by its own default. */
export const DEFAULT_TEMPORAL_ADDRESS = "127.0.0.1:7233";
