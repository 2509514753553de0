import { signGrant, type GrantKey } from "../src/grants/sign.ts";
import type { MailReader, MessageView } from "../src/mail/reader.ts";
import type { MailContent } from "../src/model/agent.ts";
import type { DispatchRef } from "../src/model/channel.ts";
import { PosternError } from "../src/model/errors.ts";
import type { MailboxRow, MessageRow, Trace } from "../src/store/contract.ts";
import { allow, type AllowDeps } from "./allow.ts";

export interface ReadDeps extends AllowDeps {
  readonly reader: Pick<MailReader, "view">;
  readonly grants: GrantKey;
}

/** What of a mail enters a history: Temporal refuses payloads of 2 MB. The whole is at `GET /v1/messages/{id}`. */
const MOST = { textCharacters: 100_000, attachments: 100, recipients: 100 } as const;

const READING = { name: "posternReadMail", needs: null } as const;

/** Only the workflow it was delivered to may read it (MB-15, X-35). */
export async function readMail(deps: ReadDeps, ref: DispatchRef, trace: Trace): Promise<MailContent> {
  const { message, mailbox } = await allow(deps, ref, READING, trace);
  const [view, grant] = await Promise.all([viewOf(deps, message), mint(deps, message, mailbox)]);
  return contentOf(message, view, grant);
}

/** Null once the bytes are gone, and for what no reader can read: the facts are still told. */
async function viewOf({ reader }: ReadDeps, { tenant, digest, size }: MessageRow): Promise<MessageView | null> {
  try {
    return await reader.view({ tenant, ref: { digest, size } });
  } catch (error) {
    if (error instanceof PosternError && !error.temporary) return null;
    throw error;
  }
}

function contentOf(message: MessageRow, view: MessageView | null, grant: string): MailContent {
  const text = view?.text ?? null;
  return {
    id: message.id,
    mailbox_id: message.mailbox,
    thread_id: message.thread,
    from: message.from,
    from_verified: message.verified,
    to: (view?.to ?? []).slice(0, MOST.recipients),
    cc: (view?.cc ?? []).slice(0, MOST.recipients),
    subject: message.subject,
    date: view?.date ?? null,
    received_at: new Date(message.received_at).toISOString(),
    // A pair of surrogates may have been cut in two.
    text: text === null ? null : text.slice(0, MOST.textCharacters).toWellFormed(),
    truncated: view !== null && (view.truncated || view.text.length > MOST.textCharacters),
    attachments: (view?.attachments ?? []).slice(0, MOST.attachments),
    verification: message.facts?.verification ?? null,
    capabilities: message.capabilities,
    automatic: message.automatic,
    grant,
  };
}

/** A fresh one at every read: it says what holds now, for as long as it lives. */
async function mint({ store, grants, clock, random }: ReadDeps, message: MessageRow, mailbox: MailboxRow): Promise<string> {
  const [released, judged] = await Promise.all([
    store.run("decisions.final", { message: message.id, stage: "release" }),
    store.run("decisions.final", { message: message.id, stage: "inbound" }),
  ]);
  const decision = released ?? judged;
  if (decision === null) throw new PosternError("internal", "a delivered message has no decision");
  const { tenant, thread, capabilities } = message;
  const subject = { tenant, agent: mailbox.agent_id, mailbox: mailbox.id, message: message.id, thread, capabilities };
  return signGrant(grants, { ...subject, policy: `${decision.policy.id}@${decision.policy.version}` }, clock(), random(16));
}
