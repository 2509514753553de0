import { proxyActivities } from "@temporalio/workflow";

/** One step of ours, and what it is given. */
export interface Call {
  readonly step: string;
  readonly taskQueue: string;
  readonly args: readonly unknown[];
}

type Steps = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

/** Workflow code of somebody who may write to the namespace: it calls itself ours, and calls our steps as it likes. */
async function call({ step, taskQueue, args }: Call): Promise<unknown> {
  const steps = proxyActivities<Steps>({ taskQueue, startToCloseTimeout: "20 seconds", retry: { maximumAttempts: 1 } });
  return steps[step]!(...args);
}

export { call as inboundMessage, call as outboundMessage, call as holdMessage };
