import { activityInfo, heartbeat } from "@temporalio/activity";
import type { Decision } from "../src/model/decision.ts";
import type { ReleaseInput, ReleaseRefusal } from "../src/model/hold.ts";
import type { InboundInput } from "../src/model/message.ts";
import type { Trace } from "../src/store/contract.ts";
import { budget } from "./budget.ts";
import type { ActivityDeps } from "./deps.ts";
import { faultOf, toFailure } from "./failures.ts";
import { guard, type Guarded } from "./guard.ts";
import { release } from "./release.ts";
import { collectBlobs, eraseExpired } from "./upkeep.ts";
import { verify, type Verified } from "./verify.ts";

/** Activity names carry the prefix `postern`, because a team's worker merges them with its own by name. */
export interface InboundActivities {
  posternVerify(input: InboundInput): Promise<Verified>;
  posternGuard(input: InboundInput, verified: Verified): Promise<Guarded>;
  posternBudget(input: InboundInput, verified: Verified, guarded: Guarded): Promise<Decision>;
}

export interface HoldActivities {
  posternRelease(input: ReleaseInput): Promise<Decision | ReleaseRefusal>;
}

export interface UpkeepActivities {
  posternEraseExpired(): Promise<number>;
  posternCollectBlobs(): Promise<number>;
}

/** Run by the worker of the inbound task queue. */
export function createInboundActivities(deps: ActivityDeps): InboundActivities {
  return withCodes(deps, {
    posternVerify: (input: InboundInput) => verify(deps, input),
    posternGuard: (input: InboundInput, verified: Verified) => guard(deps, input, verified),
    posternBudget: (input: InboundInput, verified: Verified, guarded: Guarded) => budget(deps, input, verified, guarded, traceHere()),
  });
}

/** Run by the worker of the main task queue. */
export function createMainActivities(deps: ActivityDeps): HoldActivities & UpkeepActivities {
  return withCodes(deps, {
    posternRelease: (input: ReleaseInput) => release(deps, input, traceHere()),
    posternEraseExpired: () => eraseExpired(deps, heartbeat),
    posternCollectBlobs: () => collectBlobs(deps, heartbeat),
  });
}

function traceHere(): Trace {
  const { workflowExecution, activityId } = activityInfo();
  if (workflowExecution === undefined) throw new TypeError("an activity of postern runs inside a workflow");
  return { workflow_id: workflowExecution.workflowId, run_id: workflowExecution.runId, activity_id: activityId };
}

type Activity = (...args: never[]) => Promise<unknown>;

function withCodes<T extends Record<string, Activity>>(deps: ActivityDeps, activities: T): T {
  const wrap = ([name, activity]: [string, Activity]) => [name, reporting(deps, name, activity)];
  return Object.fromEntries(Object.entries(activities).map(wrap as (entry: [string, Activity]) => [string, Activity])) as T;
}

function reporting(deps: ActivityDeps, name: string, activity: Activity): Activity {
  return async (...args) => {
    try {
      return await activity(...args);
    } catch (error) {
      const { code, where } = faultOf(error);
      deps.onFault({ activity: name, code, where });
      throw toFailure(error);
    }
  };
}
