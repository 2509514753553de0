import { createHash } from "node:crypto";
import type { MailDelivery } from "../model/channel.ts";
import type { MessageRow } from "../store/contract.ts";
import type { DispatchRow } from "../store/contract-channels.ts";
import { agentMessage, type AgentMessage, type Mint, type ReadingDeps } from "./message.ts";

/** Bytes of a webhook's body above which it goes without its text (NY-16). */
const MOST_BYTES = 1_000_000;

/** A message and its delivery by one channel. */
export interface Dispatched {
  readonly dispatch: DispatchRow;
  readonly message: MessageRow;
  readonly agent_id: string;
}

/** What an agent's workflow is signalled with. */
export function mailDelivery({ dispatch, message }: Dispatched): MailDelivery {
  return {
    delivery_id: dispatch.id,
    tenant: message.tenant,
    mailbox: message.mailbox,
    message: message.id,
    thread: message.thread,
    capabilities: message.capabilities,
    verification: message.facts?.verification ?? null,
    received_at: message.received_at,
  };
}

/** INVARIANT (DESIGN §3.7): the same at every attempt, grant and all; only a replay a day later carries another grant. */
export function mintOf({ id, minted_at }: Pick<DispatchRow, "id" | "minted_at">): Mint {
  return { at: minted_at, nonce: createHash("sha256").update(`${id}\n${minted_at}`).digest().subarray(0, 16) };
}

/** The body of a webhook, JSON text. */
export async function webhookBody(deps: ReadingDeps, dispatched: Dispatched): Promise<string> {
  const message = await agentMessage(deps, dispatched.message, mintOf(dispatched.dispatch));
  const timestamp = new Date(dispatched.dispatch.created_at).toISOString();
  const data = dataOf(message, dispatched.agent_id);
  const whole = JSON.stringify({ type: "message.created", timestamp, data });
  if (Buffer.byteLength(whole) <= MOST_BYTES) return whole;
  // Who wants the rest reads the message: every list in here is the sender's to make long.
  const { text: _, to: __, cc: ___, attachments: ____, ...facts } = data;
  return JSON.stringify({ type: "message.created.truncated", timestamp, data: facts });
}

function dataOf(message: AgentMessage, agent_id: string) {
  const { id: message_id, mailbox_id, thread_id, from, from_verified, to, cc, subject, text, date, received_at } = message;
  const { verification, capabilities, grant, attachments, automatic, truncated } = message;
  return {
    ...{ message_id, thread_id, mailbox_id, agent_id, from, from_verified, to, cc, subject, text, truncated, date, received_at },
    ...{ verification, capabilities, grant, attachments, automatic },
  };
}
