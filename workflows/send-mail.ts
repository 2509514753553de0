import { ApplicationFailure, ChildWorkflowFailure, WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { ParentClosePolicy, proxyActivities, startChild, type ChildWorkflowHandle } from "@temporalio/workflow";
import type { AgentActivities } from "../activities/agent.ts";
import type { MailDraft, Sent } from "../src/model/agent.ts";
import type { MailDelivery } from "../src/model/channel.ts";
import { outboundWorkflowId } from "../src/model/ids.ts";
import { LIMITED_FAILURE } from "../src/model/names.ts";
import type { OutboundInput } from "../src/model/outbound.ts";
import type { Ticketed } from "../src/model/ticket.ts";
import { currentMail } from "./current.ts";
import { misuse, refOf } from "./mail.ts";
import { outboundMessage } from "./outbound.ts";

const RETRY = { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" } as const;

/** @experimental */
export interface SendMailOptions {
  /** The mail that is answered. Left out: a mail of its own, on the authority of the one being dealt with. */
  readonly on?: Pick<MailDelivery, "tenant" | "delivery_id">;
  /** True: resolves when the draft has come to its end, which may wait for people for days. Default false: when it is on its way. */
  readonly wait?: boolean;
  /** Where `posternStoreDraft` runs. Default: the workflow's own task queue, whose worker has the plugin. */
  readonly taskQueue?: string;
}

/**
 * Submits a draft in the name of the channel's key: stored by an activity, then judged, shown to people and sent by
 * `outboundMessage`, a child that outlives this workflow. The n-th draft about one mail is the same draft however often the
 * workflow is reset or started again, and leaves once.
 *
 * Rejects with an `ActivityFailure` whose cause has type `capability_denied` when the mail's rule names any `mail.*` but not
 * the one needed (`mail.reply`, or `mail.send` for a mail of its own and for an answer that others than the sender get), or the
 * channel names no key that may send; `invalid_request` when the draft cannot be composed. The draft's text is in this workflow's history.
 *
 * @experimental
 */
export async function sendMail(draft: MailDraft, options: SendMailOptions = {}): Promise<Sent> {
  const { delivery, number } = claim(options);
  const { posternStoreDraft } = proxyActivities<AgentActivities>({
    startToCloseTimeout: "1 minute",
    retry: RETRY,
    ...(options.taskQueue === undefined ? {} : { taskQueue: options.taskQueue }),
  });
  const stored = await posternStoreDraft({ delivery, answers: options.on !== undefined, number, draft });
  if (stored.kind === "known") return { draft: stored.draft, state: stored.state };
  const child = await begin(stored.input, stored.task_queue);
  return { draft: stored.input.draft, state: child === null || options.wait !== true ? null : await ended(child) };
}

/** Whose authority, and which draft of it: the workflow's code runs the same way at every replay. */
function claim({ on }: SendMailOptions) {
  const mail = currentMail();
  if (mail === null) throw misuse("`sendMail` outside the loop over `onMail()`: no mail allows it");
  if (on !== undefined && on.delivery_id !== mail.ref.dispatch) throw misuse("`on` is not the mail being dealt with");
  mail.drafts += 1;
  return { delivery: on === undefined ? mail.ref : refOf(on), number: mail.drafts };
}

type Child = ChildWorkflowHandle<typeof outboundMessage>;

/** Null: it was begun before. */
async function begin(input: Ticketed<OutboundInput>, taskQueue: string): Promise<Child | null> {
  const options = { workflowId: outboundWorkflowId(input.draft), taskQueue, parentClosePolicy: ParentClosePolicy.ABANDON } as const;
  try {
    return await startChild(outboundMessage, { ...options, args: [input] });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

async function ended(child: Child): Promise<Sent["state"]> {
  try {
    return (await child.result()).state;
  } catch (error) {
    if (isLimited(error)) return "rate_limited";
    throw error;
  }
}

function isLimited(error: unknown): boolean {
  return error instanceof ChildWorkflowFailure && error.cause instanceof ApplicationFailure && error.cause.type === LIMITED_FAILURE;
}
