import { WorkflowExecutionAlreadyStartedError, type Client } from "@temporalio/client";
import { Gathering, GATHERING, type GatheringBounds, type Inputs } from "./gathering.ts";
import type { Decision } from "./model/decision.ts";
import { dispatchAgain } from "./gate/dispatch.ts";
import { unpolledOf } from "./gate/polled.ts";
import { Telling } from "./gate/telling.ts";
import { submit, wake, type SubmitAnswer } from "./gate/submit.ts";
import { inTime, isBusy, unavailable, within } from "./gate/within.ts";
import type { DispatchRef } from "./model/channel.ts";
import type { HoldAction, HoldAnswer, HoldRef, HoldWord } from "./model/hold.ts";
import { inboundWorkflowId, sharedWorkflowId, type DraftId } from "./model/ids.ts";
import type { InboundInput } from "./model/message.ts";
import type { OutboundInput } from "./model/outbound.ts";
import type { Tickets } from "./model/ticket.ts";
import { WORKFLOW, type TaskQueues } from "./model/names.ts";
import type { Store, Watch } from "./store/contract.ts";

/** What the door tells the peer: a recorded decision, or that there is none yet. */
export type Answer =
  | { readonly kind: "decided"; readonly decision: Decision }
  | { readonly kind: "deferred"; readonly reason: "dns_unavailable" | "on_limit" | "no_answer" | "busy" | "unavailable" };

/** The one client of Temporal for every door. */
export interface Gate {
  /** One durable judgement; never throws for an expected outcome. Resolves within `deadlineMs`. */
  receive(input: InboundInput, deadlineMs: number): Promise<Answer>;
  /** An agent's draft, until its first decision. Never throws for an expected outcome; resolves within `deadlineMs`. */
  submit(input: OutboundInput, deadlineMs: number): Promise<SubmitAnswer>;
  /**
   * One person's attempt on what waits, answered when it is on record. Null: nothing waits for it any more, which the door
   * records. Rejects with a temporary `PosternError` when Temporal does not answer; the attempt may count all the same, and the
   * same token asks again.
   */
  decide(ref: HoldRef, action: HoldAction, word: HoldWord): Promise<HoldAnswer | null>;
  /** Drafts that wait for a kill switch or a cap look again now. */
  wake(drafts: readonly DraftId[]): Promise<void>;
  /** A delivery that the record has in line is tried, also when its workflow is about to end. Rejects with a temporary `PosternError` when Temporal does not answer. */
  dispatch(ref: DispatchRef): Promise<void>;
  /** Those of these task queues that nobody works on. Never rejects: what the server does not say in time is not among them. */
  unpolled(queues: readonly string[]): Promise<readonly string[]>;
  /** Resolves when Temporal answers, rejects with a temporary `PosternError` otherwise. */
  ping(): Promise<void>;
  /** Nothing is begun by itself any more. */
  close(): void;
}

export interface GateDeps {
  readonly client: Client;
  readonly store: Store;
  readonly taskQueues: TaskQueues;
  /** Of the workers' secret key. */
  readonly tickets: Pick<Tickets, "sign">;
  /** True where gateway and worker share a process and a connection: the first task skips the server's queue. */
  readonly eager: boolean;
  readonly random: (bytes: number) => Uint8Array;
  /** Told for how long people wait for an answer: the workers of this process, if it has any, let them go first. */
  readonly precedence: { ofPeople<T>(answer: () => Promise<T>): Promise<T> };
  /** Which messages share a run. Default: {@link GATHERING}. */
  readonly gathering?: GatheringBounds;
  /** Told why a message could not be judged. Gets an error whose message may be logged. */
  readonly onFault: (error: unknown) => void;
  /** Told why a workflow has not heard of what is on record. Gets an error whose message may be logged. */
  readonly onUntold: (error: unknown) => void;
}

/**
 * A run that cannot decide ends: mail must not be delivered after its sender was told that it failed, and the raw bytes of
 * what is not recorded are kept for 24 h.
 */
const UNDECIDED = "20 hours";

/** Milliseconds, for calls that only need the server's word; the answer to a peer has its own deadline. */
const CALL_MS = 5_000;

/** The record is read this often when nothing is heard: the run may be another's, and its deferral older than our listening. */
const POLL_MS = 1_000;

export function createGate(deps: GateDeps): Gate {
  const together = new Gathering((inputs) => start(deps, inputs), deps.gathering ?? GATHERING);
  const inbound: Inbound = { ...deps, together };
  const telling = new Telling(deps);
  return {
    receive: (input, deadlineMs) => receive(inbound, input, performance.now() + deadlineMs),
    submit: (input, deadlineMs) => submit(deps, input, deadlineMs),
    decide: (ref, action, word) => deps.precedence.ofPeople(() => telling.decide(ref, action, word)),
    wake: (drafts) => wake(deps, drafts),
    dispatch: (ref) => dispatchAgain({ client: deps.client, taskQueue: deps.taskQueues.main }, ref),
    unpolled: (queues) => unpolledOf(deps.client.connection, deps.client.options.namespace, queues),
    ping: () => ping(deps),
    close: () => telling.close(),
  };
}

interface Inbound extends GateDeps {
  readonly together: Gathering;
}

async function receive(deps: Inbound, input: InboundInput, deadline: number): Promise<Answer> {
  try {
    const recorded = await finalDecision(deps, input);
    if (recorded !== null) return { kind: "decided", decision: recorded };
    return await judge(deps, input, deadline);
  } catch (error) {
    deps.onFault(error);
    return { kind: "deferred", reason: deferralOf(error) };
  }
}

/** Subscribed before the start: a decision is heard of however soon it comes, and nothing is read before it can be there. */
async function judge(deps: Inbound, input: InboundInput, deadline: number): Promise<Answer> {
  const watch = subscribe(deps, input, deadline);
  const place = deps.together.join(input);
  try {
    const run = await inTime(deadline - performance.now(), place.run);
    return run === null ? await readFinal(deps, input) : await awaitDecision(deps, input, run, deadline, watch);
  } finally {
    place.leave();
    watch.cancel();
  }
}

function subscribe({ store }: GateDeps, { message }: InboundInput, deadline: number): Watch {
  return store.watch(`message:${message}`, Math.max(0, Math.min(POLL_MS, deadline - performance.now())));
}

function finalDecision(deps: GateDeps, { message }: InboundInput): Promise<Decision | null> {
  return deps.store.run("decisions.final", { message, stage: "inbound" });
}

/** The run that judges these messages. Null when it is one message and a run of it completed already. */
async function start(deps: GateDeps, [first, ...others]: Inputs): Promise<string | null> {
  const startIt = () => (others.length === 0 ? startAlone(deps, first) : startTogether(deps, [first, ...others]));
  try {
    const { firstExecutionRunId } = await within(deps.client, CALL_MS, startIt);
    return firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

/** Ours, or the one somebody else started. */
function startAlone(deps: GateDeps, input: InboundInput) {
  return deps.client.workflow.start(WORKFLOW.inboundMessage, {
    ...optionsOf(deps),
    workflowId: inboundWorkflowId(input.message),
    args: [deps.tickets.sign(WORKFLOW.inboundMessage, input), deps.taskQueues.main],
    workflowIdConflictPolicy: "USE_EXISTING",
    workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
  });
}

function startTogether(deps: GateDeps, inputs: Inputs) {
  return deps.client.workflow.start(WORKFLOW.inboundMessages, {
    ...optionsOf(deps),
    workflowId: sharedWorkflowId(deps.random(16)),
    args: [inputs.map((input) => deps.tickets.sign(WORKFLOW.inboundMessages, input)), deps.taskQueues.main],
  });
}

function optionsOf({ taskQueues, eager }: GateDeps) {
  return { taskQueue: taskQueues.inbound, workflowRunTimeout: UNDECIDED, requestEagerStart: eager } as const;
}

// A run completes only after its decision is recorded, so the store knows it.
async function readFinal(deps: GateDeps, input: InboundInput): Promise<Answer> {
  const decision = await finalDecision(deps, input);
  return decision === null ? { kind: "deferred", reason: "unavailable" } : { kind: "decided", decision };
}

async function awaitDecision(deps: GateDeps, input: InboundInput, run: string, deadline: number, watch: Watch): Promise<Answer> {
  await watch.moved;
  // Subscribed before the read, so a decision between read and wait is not missed.
  const next = subscribe(deps, input, deadline);
  try {
    const decision = await deps.store.run("decisions.of_run", { message: input.message, run });
    if (decision !== null) return answerOf(decision);
    if (performance.now() >= deadline) return { kind: "deferred", reason: "no_answer" };
    return await awaitDecision(deps, input, run, deadline, next);
  } finally {
    next.cancel();
  }
}

function answerOf(decision: Decision): Answer {
  if (decision.outcome !== "deferred") return { kind: "decided", decision };
  return { kind: "deferred", reason: decision.reason === "dns_unavailable" ? "dns_unavailable" : "on_limit" };
}

function deferralOf(error: unknown): "busy" | "unavailable" {
  return isBusy(error) ? "busy" : "unavailable";
}

async function ping(deps: GateDeps): Promise<void> {
  try {
    await within(deps.client, CALL_MS, () => deps.client.workflowService.getSystemInfo({}));
  } catch (error) {
    throw unavailable("temporal does not answer", error);
  }
}
