import { ApplicationFailure, defaultPayloadConverter } from "@temporalio/common";
import type { ActivityExecuteInput, ActivityInterceptorsFactory } from "@temporalio/worker";
import { allow, type Act, type AllowDeps } from "../activities/allow.ts";
import { toFailure } from "../activities/failures.ts";
import { traceHere } from "../activities/index.ts";
import type { NexusGuard } from "./model/agent.ts";
import { DELIVERY_HEADER } from "./model/delivery-header.ts";
import type { DispatchRef } from "./model/channel.ts";
import { PosternError } from "./model/errors.ts";

/** @experimental */
export interface CapabilityOptions {
  /**
   * Which acts a capability of the policy allows: names of activities of this worker, and of tools (see `toolOf`). Several
   * may allow the same act. An activity that no capability names is not looked at. `nexus:calendar/book` is the operation
   * `book` of the Nexus service `calendar`, when a workflow of this worker begins it; nobody can tell when it is misspelt.
   */
  readonly capabilities?: Readonly<Record<string, readonly string[]>>;
  /**
   * For activities that run whatever tool a model names: the tool, read from the activity's arguments. Every call of such an
   * activity must then be of a tool that some capability names and the mail allows; null: this call runs none.
   */
  readonly toolOf?: Readonly<Record<string, (...args: any[]) => string | null>>;
}

/** Longest name of a tool that is recorded, in characters: a model may have made it up. */
const NAME_LENGTH = 200;

/** Activities start with this; they are no agent's to call for. */
const OWN = "postern";

/**
 * MB-06, X-35: refuses, on the worker, what the mail being dealt with does not allow. It stands nearest to the activity:
 * workflow code names the mail, and cannot get past the record of what was delivered to it (activities/allow.ts). Without
 * a mail a mapped act is refused in every workflow of the worker, also in a child's: register an activity under a second
 * name for callers that act for themselves.
 */
export function capabilityInterceptor(options: CapabilityOptions, deps: () => AllowDeps): ActivityInterceptorsFactory {
  const needs = needsByAct(options);
  return (context) => ({
    inbound: {
      async execute(input, next) {
        for (const act of actsOf(options, needs, context.info.activityType, input)) {
          await allow(deps(), refOf(input), act, traceHere());
        }
        return next(input);
      },
    },
  });
}

/** The same for Nexus operations, which the workflow's own code asks about (workflows/interceptor.ts): elsewhere nobody knows the mail. */
export function nexusGuard(options: CapabilityOptions, deps: () => AllowDeps): NexusGuard {
  const needs = needsByAct(options);
  return {
    async posternAllowNexus({ service, operation, delivery }) {
      const name = `${NEXUS}${service}/${operation}`;
      const mapped = needs.get(name);
      if (mapped === undefined) return;
      try {
        await allow(deps(), delivery, { name, needs: mapped }, traceHere());
      } catch (error) {
        throw error instanceof ApplicationFailure ? error : toFailure(error);
      }
    },
  };
}

const NEXUS = "nexus:";
/** Service and operation, neither of them empty. */
const NEXUS_NAME = /^nexus:[^/]+\/[^/]/;

/** Names that must be activities of some worker: what is misspelt would stay open. */
export function mappedActivities({ capabilities = {}, toolOf = {} }: CapabilityOptions): readonly string[] {
  const tools = Object.keys(toolOf);
  // With tools about, a name that is no activity may be one.
  return tools.length > 0
    ? tools
    : Object.values(capabilities)
        .flat()
        .filter((name) => !name.startsWith(NEXUS));
}

/** Throws `invalid_config`. */
export function checkCapabilities({ capabilities = {}, toolOf = {} }: CapabilityOptions): void {
  const acts = Object.values(capabilities).flat();
  const own = [...acts, ...Object.keys(toolOf)].find((name) => name.startsWith(OWN));
  if (own !== undefined) {
    throw new PosternError("invalid_config", `\`${own}\` is an activity of postern and cannot be mapped to a capability`, {
      fix: "name activities of your own",
    });
  }
  const unreadable = acts.find((name) => name.startsWith(NEXUS) && !NEXUS_NAME.test(name));
  if (unreadable === undefined) return;
  throw new PosternError("invalid_config", `\`${unreadable}\` names no operation of a Nexus service`, {
    fix: "write `nexus:service/operation`, as the service names them",
  });
}

function needsByAct({ capabilities = {} }: CapabilityOptions): ReadonlyMap<string, readonly string[]> {
  const needs = new Map<string, string[]>();
  for (const [capability, acts] of Object.entries(capabilities)) {
    for (const act of acts) needs.set(act, [...(needs.get(act) ?? []), capability]);
  }
  return needs;
}

function actsOf(
  { toolOf = {} }: CapabilityOptions,
  needs: ReadonlyMap<string, readonly string[]>,
  activity: string,
  { args }: ActivityExecuteInput,
): readonly Act[] {
  const acts: Act[] = [];
  const mapped = needs.get(activity);
  if (mapped !== undefined) acts.push({ name: activity, needs: mapped });
  const tool = Object.hasOwn(toolOf, activity) ? toolOf[activity]!(...args) : null;
  if (tool !== null) acts.push({ name: String(tool).slice(0, NAME_LENGTH), needs: needs.get(tool) ?? [] });
  return acts;
}

/** What workflow code says; null: nothing, or nothing readable. */
function refOf({ headers }: ActivityExecuteInput): DispatchRef | null {
  const payload = headers[DELIVERY_HEADER];
  if (payload === undefined) return null;
  try {
    return defaultPayloadConverter.fromPayload<DispatchRef>(payload);
  } catch {
    return null;
  }
}
