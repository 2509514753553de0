import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from "@temporalio/client";
import type { OutboundDecision } from "../model/decision.ts";
import { outboundWorkflowId } from "../model/ids.ts";
import { WAKE_SIGNAL, WORKFLOW, type TaskQueues } from "../model/names.ts";
import type { OutboundInput } from "../model/outbound.ts";
import type { DraftId } from "../model/ids.ts";
import type { Tickets } from "../model/ticket.ts";
import type { Store, Watch } from "../store/contract.ts";
import type { DraftRow } from "../store/contract-outbound.ts";
import { isBusy, within } from "./within.ts";

/** What the door tells whoever submitted. `draft` has its state; `limited` left nothing behind but its decision. */
export type SubmitAnswer =
  | { readonly kind: "draft"; readonly draft: DraftRow }
  | { readonly kind: "limited"; readonly decision: OutboundDecision }
  /** The draft could not be composed. */
  | { readonly kind: "failed" }
  | { readonly kind: "deferred"; readonly reason: "no_answer" | "busy" | "unavailable" };

export interface SubmitDeps {
  readonly client: Client;
  readonly store: Store;
  readonly taskQueues: TaskQueues;
  readonly tickets: Pick<Tickets, "sign">;
  readonly eager: boolean;
  readonly onFault: (error: unknown) => void;
}

/**
 * When nothing is heard the record is read after this long, and whether the run goes on is asked; then after twice as long each
 * time: a server that is slow is not made slower by being asked.
 */
const POLL_MS = 1_000;

/** Milliseconds for a call that only needs the server's word. */
const CALL_MS = 5_000;

/**
 * Starts the draft's workflow, or finds it, and waits for its first decision. The same input may be submitted any number of
 * times while Temporal remembers the run; who may come later than that looks for the draft first.
 */
export async function submit(deps: SubmitDeps, input: OutboundInput, deadlineMs: number): Promise<SubmitAnswer> {
  const deadline = performance.now() + deadlineMs;
  try {
    return await startAndWait(deps, input, deadline);
  } catch (error) {
    deps.onFault(error);
    return { kind: "deferred", reason: isBusy(error) ? "busy" : "unavailable" };
  }
}

/** Subscribed before the start, so that a decision is heard of however soon it comes. */
async function startAndWait(deps: SubmitDeps, input: OutboundInput, deadline: number): Promise<SubmitAnswer> {
  let pause = POLL_MS;
  let watch = subscribe(deps, input, pause, deadline);
  try {
    const { run, isNew } = await start(deps, input, deadline);
    // Another's run may have decided before we listened.
    const early = isNew ? null : await read(deps, input, run);
    if (early !== null) return early;
    for (;;) {
      const moved = await watch.moved;
      if (!moved) pause *= 2;
      watch = subscribe(deps, input, pause, deadline);
      const answer = await read(deps, input, run);
      if (answer !== null) return answer;
      if (!moved && (await hasFailed(deps, input, run, deadline))) return (await read(deps, input, run)) ?? { kind: "failed" };
      if (performance.now() >= deadline) return { kind: "deferred", reason: "no_answer" };
    }
  } finally {
    watch.cancel();
  }
}

function subscribe({ store }: SubmitDeps, { draft }: OutboundInput, pause: number, deadline: number): Watch {
  return store.watch(`draft:${draft}`, Math.max(0, Math.min(pause, deadline - performance.now())));
}

/** `run`: null when one has completed, so that the record is there. `isNew`: it certainly began with this call. */
interface Started {
  readonly run: string | null;
  readonly isNew: boolean;
}

async function start(deps: SubmitDeps, input: OutboundInput, deadline: number): Promise<Started> {
  try {
    const handle = await within(deps.client, Math.min(CALL_MS, deadline - performance.now()), () =>
      deps.client.workflow.start(WORKFLOW.outboundMessage, {
        workflowId: outboundWorkflowId(input.draft),
        taskQueue: deps.taskQueues.main,
        args: [deps.tickets.sign(WORKFLOW.outboundMessage, input)],
        workflowIdConflictPolicy: "USE_EXISTING",
        workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
        requestEagerStart: deps.eager,
      }),
    );
    return { run: handle.firstExecutionRunId, isNew: handle.eagerlyStarted };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return { run: null, isNew: false };
    throw error;
  }
}

async function read(deps: SubmitDeps, input: OutboundInput, run: string | null): Promise<SubmitAnswer | null> {
  const draft = await draftOf(deps, input);
  if (draft !== null) return { kind: "draft", draft };
  if (run === null) return null;
  const decision = await deps.store.run("decisions.of_submit", { message: input.message, run });
  return decision?.outcome === "rate_limited" ? { kind: "limited", decision } : null;
}

function draftOf({ store }: SubmitDeps, { tenant, draft }: OutboundInput): Promise<DraftRow | null> {
  return store.run("drafts.get", { tenant, id: draft });
}

async function hasFailed({ client }: SubmitDeps, { draft }: OutboundInput, run: string | null, deadline: number): Promise<boolean> {
  const handle = client.workflow.getHandle(outboundWorkflowId(draft), run ?? undefined);
  const { status } = await within(client, Math.max(1, Math.min(CALL_MS, deadline - performance.now())), () => handle.describe());
  return status.name !== "RUNNING";
}

/** Drafts that are woken at once, and milliseconds after which no more of them are. */
const WAKING = { atOnce: 16, ms: 5_000 };

/**
 * Drafts that wait for something outside look again. One that is gone, a server that does not answer and what is left when
 * the time is over are no matter: they also look by themselves, and whoever turned the switch waits for the answer.
 */
export async function wake({ client, onFault }: Pick<SubmitDeps, "client" | "onFault">, drafts: readonly DraftId[]): Promise<void> {
  const deadline = performance.now() + WAKING.ms;
  const left = drafts.values();
  const work = async (): Promise<void> => {
    for (const draft of left) {
      const handle = client.workflow.getHandle(outboundWorkflowId(draft));
      const ms = deadline - performance.now();
      if (ms <= 0) return;
      await within(client, ms, () => handle.signal(WAKE_SIGNAL)).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) onFault(error);
      });
    }
  };
  await Promise.all(Array.from({ length: WAKING.atOnce }, work));
}
