import { agentMessage, type AgentMessage, type ReadingDeps } from "../src/delivery/message.ts";
import type { MailContent } from "../src/model/agent.ts";
import type { DispatchRef } from "../src/model/channel.ts";
import type { Trace } from "../src/store/contract.ts";
import { allow, type AllowDeps } from "./allow.ts";

export interface ReadDeps extends AllowDeps, Pick<ReadingDeps, "reader" | "grants" | "onUnreadable"> {}

/** What of a mail enters a history: Temporal refuses payloads of 2 MB. The whole is at `GET /v1/messages/{id}`. */
const MOST = { textCharacters: 100_000, attachments: 100, recipients: 100 } as const;

const READING = { name: "posternReadMail", needs: null } as const;

/** Only the workflow it was delivered to may read it (MB-15, X-35). The grant is a fresh one at every read. */
export async function readMail(deps: ReadDeps, ref: DispatchRef, trace: Trace): Promise<MailContent> {
  const { message } = await allow(deps, ref, READING, trace);
  return bounded(await agentMessage(deps, message, { at: deps.clock(), nonce: deps.random(16) }));
}

function bounded(message: AgentMessage): MailContent {
  const { text, truncated, to, cc, attachments } = message;
  return {
    ...message,
    to: to.slice(0, MOST.recipients),
    cc: cc.slice(0, MOST.recipients),
    // A pair of surrogates may have been cut in two.
    text: text === null ? null : text.slice(0, MOST.textCharacters).toWellFormed(),
    truncated: truncated || (text ?? "").length > MOST.textCharacters,
    attachments: attachments.slice(0, MOST.attachments),
  };
}
