import { createAgentActivities, type AgentActivities } from "../activities/agent.ts";
import type { OutboundDeps } from "../activities/deps.ts";
import type { QuickSends } from "../activities/quick-sends.ts";
import { createInboundActivities, createMainActivities, type InboundActivities } from "../activities/index.ts";

/** Every activity of this package. */
export type PosternActivities = InboundActivities & ReturnType<typeof createMainActivities> & AgentActivities;

export function createPosternActivities(deps: OutboundDeps, mainQueue: string, quickSends: QuickSends): PosternActivities {
  return { ...createInboundActivities(deps), ...createMainActivities(deps, quickSends), ...createAgentActivities(deps, mainQueue) };
}

/** Their names, which a worker registers before there is anything to run them with. */
const NAMES: Readonly<Record<keyof PosternActivities, true>> = {
  posternVerify: true,
  posternGuard: true,
  posternBudget: true,
  posternDecide: true,
  posternDropped: true,
  posternHoldTimes: true,
  posternHoldTimer: true,
  posternScreen: true,
  posternSendQuick: true,
  posternCopy: true,
  posternSend: true,
  posternDispatch: true,
  posternRevive: true,
  posternEraseExpired: true,
  posternCollectBlobs: true,
  posternReadMail: true,
  posternStoreDraft: true,
};

/** The same activities, run by what `opened` returns at the time. */
export function lazyActivities(opened: () => PosternActivities): PosternActivities {
  const call =
    (name: keyof PosternActivities) =>
    (...args: never[]): unknown =>
      (opened()[name] as (...given: never[]) => unknown)(...args);
  const names = Object.keys(NAMES) as (keyof PosternActivities)[];
  return Object.fromEntries(names.map((name) => [name, call(name)])) as unknown as PosternActivities;
}
