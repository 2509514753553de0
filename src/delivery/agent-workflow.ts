import { createHash } from "node:crypto";
import { channelKey, type WorkflowChannel } from "../model/channel.ts";
import { agentWorkflowId, crockford, type MailboxId, type MessageId, type ThreadId } from "../model/ids.ts";

/** What a mail and its thread are named by. */
interface About {
  readonly mailbox: MailboxId;
  readonly thread: ThreadId;
  readonly message: MessageId;
}

/** Bytes: enough to keep the few channels of one mailbox apart. */
const CHANNEL_BYTES = 5;

/**
 * The workflow that a channel brings a mail to. INVARIANT: two channels have no workflow in common, or one would hear the
 * other's mail and act on its authority, also after its own channel was taken off: whoever signals a workflow that runs
 * reaches it whatever its type. A thread is named by its first message, so what it is about does not keep them apart.
 */
export function workflowOf({ mailbox, thread, message }: About, channel: WorkflowChannel): string {
  const hash = createHash("sha256").update(channelKey(channel)).digest();
  return agentWorkflowId(mailbox, channel.id_per === "thread" ? thread : message, crockford(hash.subarray(0, CHANNEL_BYTES)));
}
