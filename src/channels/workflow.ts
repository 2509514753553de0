import { isGrpcServiceError, ServiceError, type Client } from "@temporalio/client";
import { isOwnWorkflow, type MailDelivery, type MailStart, type WorkflowChannel } from "../model/channel.ts";
import { MAIL_SIGNAL } from "../model/names.ts";
import { missed, type Attempt } from "./channel.ts";

/** Milliseconds for the server's word. */
const CALL_MS = 10_000;

const GRPC_INVALID_ARGUMENT = 3;

/** One delivery to one workflow. */
export interface WorkflowDelivery {
  readonly channel: WorkflowChannel;
  readonly workflowId: string;
  readonly mail: MailDelivery;
}

/**
 * Signals the agent's workflow, which starts when it is not running. INVARIANT: references and facts only, because a history
 * keeps them. Threat: whoever sets channels names a workflow type and a queue of this namespace; Postern's own are refused.
 */
export async function deliverToWorkflow(client: Client, { channel, workflowId, mail }: WorkflowDelivery): Promise<Attempt> {
  if (isOwnWorkflow(channel.type)) return missed("workflow_refused", { again: false });
  const { tenant, mailbox, thread } = mail;
  const start: MailStart = { tenant, mailbox, thread };
  try {
    await client.withDeadline(Date.now() + CALL_MS, () =>
      client.workflow.signalWithStart(channel.type, {
        workflowId,
        taskQueue: channel.task_queue,
        args: [start],
        signal: MAIL_SIGNAL,
        signalArgs: [mail],
      }),
    );
    return { arrived: true, status: null };
  } catch (error) {
    return missed(isRefusal(error) ? "workflow_refused" : "temporal_unavailable");
  }
}

/** Also a run that has had as many signals as the server lets it; its next run may take it. */
function isRefusal(error: unknown): boolean {
  const said = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(said) && (said.code as number) === GRPC_INVALID_ARGUMENT;
}
