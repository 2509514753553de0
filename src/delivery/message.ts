import { signGrant, type GrantKey } from "../grants/sign.ts";
import type { MailReader, MessageView } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import type { MessageSource, Verification } from "../model/message.ts";
import type { MessageOutcome, MessageRow, Store } from "../store/contract.ts";

/** What is needed to show a stored message. */
export interface ReadingDeps {
  readonly store: Pick<Store, "run">;
  readonly reader: Pick<MailReader, "view">;
  readonly grants: GrantKey;
  /** Told of a message that no reader can read. Gets a code and, for the operator's log, a detail. */
  readonly onUnreadable: (fault: { readonly code: string; readonly detail: string | undefined }) => void;
}

/** One message as every way to an agent shows it: `GET /v1/messages/{id}`, `wait`, the stream, webhooks and the reading activity. */
export interface AgentMessage extends MessageSummary {
  to: string[];
  cc: string[];
  /** What the sender says; see `received_at`. */
  date: string | null;
  /** What a person would read. Null when the raw bytes are no longer kept or cannot be read. */
  text: string | null;
  attachments: { filename: string | null; content_type: string; size: number; sha256: string }[];
  truncated: boolean;
  /** Null: of mail that went out. */
  grant: string | null;
}

export interface MessageSummary {
  id: string;
  mailbox_id: string;
  thread_id: string;
  direction: "inbound" | "outbound";
  /** How it came in; null for what left. */
  source: MessageSource | null;
  outcome: MessageOutcome;
  from: string | null;
  from_verified: boolean;
  envelope: { sender: string; recipient: string };
  subject: string;
  received_at: string;
  verification: Verification | null;
  capabilities: string[];
  /** Null: nobody has scored it. */
  injection_score: number | null;
  automatic: boolean;
  size: number;
  digest: string;
  tokens_reserved: number;
  tokens_consumed: number | null;
}

/** What a grant is named by and when it begins: the same two give the same grant. */
export interface Mint {
  /** Epoch milliseconds. */
  readonly at: number;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
}

/** INVARIANT (MB-01): only for a row of the agent's view; what is hidden in the mail is no part of it. */
export async function agentMessage(deps: ReadingDeps, row: MessageRow, mint: Mint): Promise<AgentMessage> {
  const [view, grant] = await Promise.all([viewOf(deps, row), row.direction === "inbound" ? mintGrant(deps, row, mint) : null]);
  return { ...summaryOf(row), ...shownOf(view), grant };
}

export function summaryOf(row: MessageRow): MessageSummary {
  return {
    id: row.id,
    mailbox_id: row.mailbox,
    thread_id: row.thread,
    direction: row.direction,
    source: row.source,
    outcome: row.outcome,
    from: row.from,
    from_verified: row.verified,
    envelope: { sender: row.envelope_sender, recipient: row.recipient },
    subject: row.subject,
    received_at: new Date(row.received_at).toISOString(),
    verification: row.facts?.verification ?? null,
    capabilities: [...row.capabilities],
    injection_score: null,
    automatic: row.automatic,
    size: row.size,
    digest: row.digest,
    tokens_reserved: row.tokens_reserved,
    tokens_consumed: row.tokens_consumed,
  };
}

export function shownOf(view: MessageView | null): Omit<AgentMessage, keyof MessageSummary | "grant"> {
  return {
    to: [...(view?.to ?? [])],
    cc: [...(view?.cc ?? [])],
    date: view?.date ?? null,
    text: view?.text ?? null,
    attachments: (view?.attachments ?? []).map((attachment) => ({ ...attachment })),
    truncated: view?.truncated ?? false,
  };
}

/** Null once the bytes are gone (those of refused mail are not kept), and for what no reader can read: the facts can still be seen. */
export async function viewOf({ reader, onUnreadable }: ReadingDeps, { tenant, digest, size }: MessageRow): Promise<MessageView | null> {
  try {
    return await reader.view({ tenant, ref: { digest, size } });
  } catch (error) {
    if (!(error instanceof PosternError) || error.temporary) throw error;
    if (error.code !== "not_found") onUnreadable(error);
    return null;
  }
}

/** Of inbound mail that was delivered: who may do what about it, for 24 hours from `at`. */
async function mintGrant({ store, grants }: ReadingDeps, row: MessageRow, { at, nonce }: Mint): Promise<string> {
  const [mailbox, released, judged] = await Promise.all([
    store.run("mailboxes.get", { tenant: row.tenant, id: row.mailbox }),
    store.run("decisions.final", { message: row.id, stage: "release" }),
    store.run("decisions.final", { message: row.id, stage: "inbound" }),
  ]);
  const decision = released ?? judged;
  if (mailbox === null || decision === null) throw new PosternError("internal", "a delivered message has no mailbox or no decision");
  const policy = `${decision.policy.id}@${decision.policy.version}`;
  const subject = { tenant: row.tenant, agent: mailbox.agent_id, mailbox: row.mailbox, message: row.id, thread: row.thread };
  return signGrant(grants, { ...subject, capabilities: row.capabilities, policy }, at, nonce);
}
