import { activityInfo, cancellationSignal, getClient, heartbeat } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { isOwnWorkflow, type DispatchRef, type Judged } from "../src/model/channel.ts";
import type { HoldAction, HoldAnswer, HoldMessage, HoldRef, HoldStatus, HoldTimerEvent, HoldTimes } from "../src/model/hold.ts";
import type { InboundInput } from "../src/model/message.ts";
import type { OutboundInput, ScreenStep, SendStep, Since } from "../src/model/outbound.ts";
import type { Ticketed } from "../src/model/ticket.ts";
import type { Trace } from "../src/store/contract.ts";
import { admit, vouch, vouched, type Called, type Vouched } from "./admit.ts";
import { deny, instanceOf } from "./allow.ts";
import { budget } from "./budget.ts";
import { copy } from "./copy.ts";
import { approveAgain, decide, type Arrival } from "./decide.ts";
import type { ActivityDeps, OutboundDeps } from "./deps.ts";
import { dispatch, type DispatchEnd } from "./dispatch.ts";
import { dropped } from "./dropped.ts";
import { faultOf, toFailure } from "./failures.ts";
import { guard, type Guarded } from "./guard.ts";
import { holdRef } from "./hold-ref.ts";
import { holdTimer, holdTimes } from "./hold-timer.ts";
import { JustScreened } from "./just-screened.ts";
import { leave } from "./leave.ts";
import type { QuickSends } from "./quick-sends.ts";
import { redispatchLost } from "./redispatch.ts";
import { retellUnheard, type RetellAllDeps } from "./retell.ts";
import { reviveLost } from "./revive.ts";
import { screen } from "./screen.ts";
import type { SendDeps } from "./send.ts";
import { createSigners } from "./signers.ts";
import { collectBlobs, eraseExpired } from "./upkeep.ts";
import { verify, type Verified } from "./verify.ts";

export type { DispatchEnd };

type Mail = Ticketed<InboundInput>;

/** Activity names carry the prefix `postern`, because a team's worker merges them with its own by name. */
export interface InboundActivities {
  posternVerify(input: Mail): Promise<Vouched<Verified>>;
  posternGuard(input: Mail, verified: Vouched<Verified>): Promise<Vouched<Guarded>>;
  posternBudget(input: Mail, verified: Vouched<Verified>, guarded: Vouched<Guarded>): Promise<Judged>;
}

export interface HoldActivities {
  posternDecide(ref: HoldRef, action: HoldAction, message: HoldMessage, arrival: Arrival): Promise<HoldAnswer>;
  posternDropped(ref: HoldRef, count: number): Promise<null>;
  posternHoldTimes(ref: HoldRef): Promise<HoldTimes | null>;
  posternHoldTimer(ref: HoldRef, event: HoldTimerEvent): Promise<{ readonly status: HoldStatus }>;
}

export interface OutboundActivities {
  posternScreen(input: Ticketed<OutboundInput>): Promise<ScreenStep>;
  /** The same as `posternSend`, for a workflow task that waits for it. */
  posternSendQuick(input: Ticketed<OutboundInput>, since: Since): Promise<SendStep>;
  posternCopy(input: Ticketed<OutboundInput>): Promise<Ticketed<OutboundInput> | null>;
}

export interface SendActivities {
  posternSend(input: Ticketed<OutboundInput>, since: Since): Promise<SendStep>;
}

export interface DispatchActivities {
  posternDispatch(ref: DispatchRef): Promise<DispatchEnd>;
}

export interface UpkeepActivities {
  posternRevive(): Promise<number>;
  posternEraseExpired(): Promise<number>;
  posternCollectBlobs(): Promise<number>;
}

/** Run by the worker of the inbound task queue. */
export function createInboundActivities(deps: ActivityDeps & Pick<OutboundDeps, "tickets">): InboundActivities {
  const admitted = (mail: Mail): InboundInput => admit(deps, mail, calledHere());
  return ofOurs(deps, {
    posternVerify: async (mail: Mail) => vouch(deps, "posternVerify", mail, await verify(deps, admitted(mail))),
    posternGuard: async (mail: Mail, verified: Vouched<Verified>) => {
      const [input, facts] = [admitted(mail), vouched(deps, "posternVerify", mail, verified, "posternGuard")];
      return vouch(deps, "posternGuard", verified, await guard(deps, input, facts));
    },
    posternBudget: async (mail: Mail, verified: Vouched<Verified>, guarded: Vouched<Guarded>) => {
      const [input, facts] = [admitted(mail), vouched(deps, "posternVerify", mail, verified, "posternBudget")];
      return budget(deps, input, facts, vouched(deps, "posternGuard", verified, guarded, "posternBudget"), traceHere());
    },
  });
}

/** Run by the worker of the main task queue. */
export function createMainActivities(
  deps: OutboundDeps,
  quickSends: QuickSends,
): HoldActivities & OutboundActivities & SendActivities & DispatchActivities & UpkeepActivities {
  const judge: SendDeps["judge"] = (input, revision, facts) => deps.screening.judge(input, revision, revision, facts ?? undefined);
  const justScreened = new JustScreened(deps.clock);
  const sending = { ...deps, judge, signers: createSigners(deps), justScreened };
  const admitted = (input: Ticketed<OutboundInput>): OutboundInput => admit(deps, input, calledHere());
  return ofOurs(deps, {
    posternDecide: async (ref: HoldRef, action: HoldAction, message: HoldMessage, arrival: Arrival) => {
      const answer = await decide(deps, holdRef(ref), action, message, arrival, traceHere());
      // Who decided has the answer from the record: what the workflow does with it may wait for others who have none.
      await deps.precedence.giveWay();
      return answer;
    },
    posternDropped: (ref: HoldRef, count: number) => dropped(deps, holdRef(ref), count, traceHere()),
    posternHoldTimes: (ref: HoldRef) => holdTimes(deps, holdRef(ref)),
    posternHoldTimer: (ref: HoldRef, event: HoldTimerEvent) => holdTimer(deps, holdRef(ref), event, traceHere()),
    posternScreen: (input: Ticketed<OutboundInput>) => screen({ ...deps, justScreened }, admitted(input), traceHere()),
    posternSendQuick: async (input: Ticketed<OutboundInput>, since: Since) => {
      const [known, trace] = [admitted(input), traceHere()];
      return quickSends.run(known.draft, (signal) => leave(sending, known, since, { heartbeat: untold, signal, isQuick: true }, trace));
    },
    posternCopy: (input: Ticketed<OutboundInput>) => copy(deps, admitted(input)),
    posternSend: async (input: Ticketed<OutboundInput>, since: Since) => {
      const known = admitted(input);
      await deps.precedence.giveWay();
      const joined = await beating(heartbeat, () => quickSends.join(known.draft));
      return joined ?? leave(sending, known, since, { heartbeat, signal: cancellationSignal() }, traceHere());
    },
    posternRevive: async () => {
      const [client, { taskQueue }, signal] = [getClient(), activityInfo(), cancellationSignal()];
      const reviving = { ...deps, client, taskQueue };
      await redispatchLost(reviving, heartbeat);
      const revived = await reviveLost(reviving, heartbeat, signal);
      const signAgain: RetellAllDeps["signAgain"] = (ref, word) => approveAgain(deps, ref, word);
      await retellUnheard({ ...deps, client, taskQueues: { main: taskQueue }, signAgain }, heartbeat, signal);
      return revived;
    },
    posternDispatch: (ref: DispatchRef) => beating(heartbeat, () => dispatch(deps, ref, getClient)),
    posternEraseExpired: () => eraseExpired(deps, heartbeat),
    posternCollectBlobs: () => collectBlobs(deps, heartbeat),
  });
}

/** A local activity has no heartbeats: what it leaves under way is joined by one that has. */
function untold(): void {}

/** Where the activity that is running was called from. */
export function traceHere(): Trace {
  const { workflowExecution, activityId } = activityInfo();
  if (workflowExecution === undefined) throw new TypeError("an activity of postern runs inside a workflow");
  return { workflow_id: workflowExecution.workflowId, run_id: workflowExecution.runId, activity_id: activityId };
}

function calledHere(): Called {
  const { activityType: activity, workflowType } = activityInfo();
  return { activity, by: workflowType ?? "" };
}

/** Milliseconds between signs of life, a third of what the workflow waits for one. */
const BEAT_MS = 5_000;

/** One whose worker has died is tried again at once, not when its time is over. */
async function beating<T>(beat: () => void, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(beat, BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

type Activity = (...args: never[]) => Promise<unknown>;

/**
 * Steps of our workflows, refused to every other. Threat: in a team's worker they stand beside its own activities, and who lets
 * a model name the activity would let a mail call for a judgement of its own making.
 */
function ofOurs<T extends Record<string, Activity>>(deps: ActivityDeps, activities: T): T {
  const denying = { ...deps, instance: () => instanceOf(deps.store) };
  const guarded = Object.entries(activities).map(([name, activity]): [string, Activity] => [
    name,
    async (...args) => {
      if (isOwnWorkflow(activityInfo().workflowType ?? "")) return activity(...args);
      return deny(denying, { name, needs: [] }, { reason: "not_granted", message: null }, traceHere());
    },
  ]);
  return withCodes(deps, Object.fromEntries(guarded) as T);
}

/** INVARIANT (DESIGN §9.10): what fails is told by its code alone. A failure that an activity made itself passes as it is. */
export function withCodes<T extends Record<string, Activity>>(deps: ActivityDeps, activities: T): T {
  const wrap = ([name, activity]: [string, Activity]) => [name, reporting(deps, name, activity)];
  return Object.fromEntries(Object.entries(activities).map(wrap as (entry: [string, Activity]) => [string, Activity])) as T;
}

function reporting(deps: ActivityDeps, name: string, activity: Activity): Activity {
  return async (...args) => {
    try {
      return await activity(...args);
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      const { code, where } = faultOf(error);
      deps.onFault({ activity: name, code, where });
      throw toFailure(error);
    }
  };
}
