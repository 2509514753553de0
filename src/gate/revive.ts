import { WorkflowNotFoundError, type Client } from "@temporalio/client";
import type { HoldInput, HoldRef } from "../model/hold.ts";
import { holdWorkflowOf } from "../model/hold-workflow.ts";
import { isId, type DraftId, type TenantId } from "../model/ids.ts";
import { WORKFLOW } from "../model/names.ts";
import type { DraftState, OutboundInput, OutboundStage } from "../model/outbound.ts";
import type { Ticketed, Tickets } from "../model/ticket.ts";
import type { Store } from "../store/contract.ts";
import { within } from "./within.ts";

/** States of a draft that need its workflow: people may still decide, or it may still leave. */
export const UNDERWAY = ["pending_send_approval", "queued", "sending", "unknown"] as const satisfies readonly DraftState[];

/** Milliseconds for a call that only needs the server's word. */
const CALL_MS = 5_000;

/**
 * What a draft's workflow is started with again when it was lost (terminated, its namespace gone or older than the record).
 * Null: nothing more happens to it. The ticket is made again, of what the record says. INVARIANT: the record judges and the claim says whether it has left (DESIGN §4.5), so a
 * workflow too many sends nothing.
 */
export async function lostDraft(
  { store, tickets }: Pick<ReviveDeps, "store" | "tickets">,
  { tenant, draft: id }: { readonly tenant: TenantId; readonly draft: DraftId },
): Promise<readonly [Ticketed<OutboundInput>, OutboundStage] | null> {
  const draft = await store.run("drafts.get", { tenant, id });
  if (draft === null || !UNDERWAY.some((state) => state === draft.state)) return null;
  const [[first], hold] = await Promise.all([store.run("revisions.list", { tenant, draft: id }), store.run("holds.get", { tenant, id })]);
  const { mailbox, message, thread, kind, author, in_reply_to, created_at, send_at, revision } = draft;
  const { source } = first ?? revision;
  const input = { tenant, mailbox, draft: id, message, thread, kind, source, author, in_reply_to, submitted_at: created_at, send_at };
  return [
    tickets.sign(WORKFLOW.outboundMessage, input satisfies OutboundInput),
    { times: hold?.status === "waiting" ? hold.times : null, since: null },
  ];
}

export interface ReviveDeps {
  readonly client: Client;
  readonly store: Pick<Store, "run">;
  readonly tickets: Pick<Tickets, "sign">;
  /** The main task queue. */
  readonly taskQueue: string;
}

/** Starts the workflow of what waits again, unless it is there or nothing waits. True: it was gone. */
export async function revive(deps: ReviveDeps, ref: HoldRef): Promise<boolean> {
  if (await isRunning(deps, ref)) return false;
  const start = await startOf(deps, ref);
  if (start === null) return false;
  await within(deps.client, CALL_MS, () =>
    deps.client.workflow.start(start.type, {
      workflowId: holdWorkflowOf(ref.hold),
      taskQueue: deps.taskQueue,
      args: [...start.args],
      workflowIdConflictPolicy: "USE_EXISTING",
      workflowIdReusePolicy: "ALLOW_DUPLICATE",
    }),
  );
  return true;
}

async function isRunning({ client }: ReviveDeps, { hold }: HoldRef): Promise<boolean> {
  try {
    const { status } = await within(client, CALL_MS, () => client.workflow.getHandle(holdWorkflowOf(hold)).describe());
    return status.name === "RUNNING";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

interface Start {
  readonly type: string;
  readonly args: readonly unknown[];
}

async function startOf(deps: ReviveDeps, ref: HoldRef): Promise<Start | null> {
  const { tenant, mailbox, hold } = ref;
  if (isId("drf", hold)) {
    const lost = await lostDraft(deps, { tenant, draft: hold });
    return lost === null ? null : { type: WORKFLOW.outboundMessage, args: lost };
  }
  const row = await deps.store.run("holds.get", { tenant, id: hold });
  const input: HoldInput = { tenant, mailbox, message: hold };
  return row?.status === "waiting" ? { type: WORKFLOW.holdMessage, args: [input] } : null;
}
