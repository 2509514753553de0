import { ApplicationFailure } from "@temporalio/common";
import { UNTRUSTED_START } from "../src/model/names.ts";
import type { Ticketed, TicketedStep } from "../src/model/ticket.ts";
import type { ActivityDeps, OutboundDeps } from "./deps.ts";

type AdmitDeps = Pick<OutboundDeps, "tickets"> & Pick<ActivityDeps, "onFault">;

/** Where a step was called from, as the server says: its own name, and the type of the workflow. */
export interface Called {
  readonly activity: string;
  readonly by: string;
}

/** What a step found out, with its word that it did, and about which input. */
export type Vouched<T extends object> = Ticketed<T & { readonly of: string }>;

/**
 * The input of a workflow, once its ticket says that a door or a step of ours made it for this type. INVARIANT: no step acts
 * on any other, so whoever may start workflows cannot make up an envelope, an author or a source. Every step asks: workflow
 * code that is not ours can call any of them, under the name of ours, from a queue of its own.
 */
export function admit<I extends object>(deps: AdmitDeps, input: Ticketed<I>, { activity, by }: Called): I {
  return deps.tickets.check(by, input) ?? refuse(deps, activity);
}

/** For the step that gets this one's result from the workflow. */
export function vouch<T extends object>({ tickets }: AdmitDeps, step: TicketedStep, about: Ticketed<object>, found: T): Vouched<T> {
  return tickets.sign(step, { ...found, of: about.ticket });
}

/** INVARIANT: nothing is judged by facts, and nothing decided by a judgement, that a workflow made up, or found out about another. */
export function vouched<T extends object>(
  deps: AdmitDeps,
  step: TicketedStep,
  about: Ticketed<object>,
  found: Vouched<T>,
  activity: string,
): T {
  const known = deps.tickets.check<T & { readonly of: string }>(step, found);
  if (known?.of !== about.ticket) return refuse(deps, activity);
  const { of: _, ...fact } = known;
  return fact as unknown as T;
}

function refuse({ onFault }: AdmitDeps, activity: string): never {
  onFault({ activity, code: UNTRUSTED_START, where: "ticket" });
  throw ApplicationFailure.create({ type: UNTRUSTED_START, message: UNTRUSTED_START, nonRetryable: true });
}
