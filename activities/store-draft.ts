import { createHash } from "node:crypto";
import { ApplicationFailure } from "@temporalio/common";
import type { Blobs } from "../src/blobs/blobs.ts";
import { needRoom } from "../src/blobs/room.ts";
import type { Uses } from "../src/blobs/uses.ts";
import { goesBack } from "../src/mail/goes-back.ts";
import type { DraftOrder, MailDraft, StoredDraft } from "../src/model/agent.ts";
import { allowsMail, replySubject } from "../src/model/answer.ts";
import type { Problem } from "../src/model/errors.ts";
import { draftMessageId, idBody, makeId, type DraftId, type KeyId } from "../src/model/ids.ts";
import type { MessageRef } from "../src/model/message.ts";
import { WORKFLOW } from "../src/model/names.ts";
import type { OutboundInput, Submission } from "../src/model/outbound.ts";
import type { Tickets } from "../src/model/ticket.ts";
import type { Freezer } from "../src/screening/freeze.ts";
import type { MessageRow, Trace } from "../src/store/contract.ts";
import { allow, deny, type AllowDeps } from "./allow.ts";
import type { Delivered } from "./delivered.ts";
import { readDraft } from "./draft-shape.ts";

export interface DraftDeps extends AllowDeps {
  readonly blobs: Pick<Blobs, "create">;
  readonly uses: Pick<Uses, "take">;
  readonly freezer: Pick<Freezer, "freeze">;
  /** Bytes that may still be written where blobs are. */
  readonly freeBytes: () => Promise<number>;
  readonly tickets: Pick<Tickets, "sign">;
  /** Where `outboundMessage` is to run. */
  readonly mainQueue: string;
}

const ACTIVITY = "posternStoreDraft";

/** Drafts that one workflow may write about one mail. */
const MOST_DRAFTS = 1_000;

/**
 * An agent's workflow submits: the act is allowed, the draft stored and composed, and the child's input returned. The
 * same order, whichever run of the workflow gives it, is the same draft. INVARIANT: only what was allowed here has a ticket.
 */
export async function storeDraft(deps: DraftDeps, order: DraftOrder, trace: Trace): Promise<StoredDraft> {
  const { delivered, author } = await allowSending(deps, order, trace);
  const draft = readDraft(order.draft, deps.clock());
  if ("invalid" in draft) throw invalid(draft.invalid);
  if (!Number.isSafeInteger(order.number) || order.number < 1 || order.number > MOST_DRAFTS) throw invalid([TOO_MANY]);
  const { tenant } = delivered.message;
  const id = draftId(order, trace);
  const known = await deps.store.run("drafts.get", { tenant, id });
  if (known !== null) return { kind: "known", draft: id, state: known.state };
  const submission = submissionOf(draft, order.answers ? delivered.message : null);
  if (order.answers) await allowRecipients(deps, submission, delivered, trace);
  return holdingBytes(deps, delivered, submission, async (source) => {
    const input = inputOf(deps, { id, order, delivered, author, source, draft });
    // Composed here, so that whoever wrote it learns what is wrong with it; the workflow finds it composed.
    const frozen = await deps.freezer.freeze(input, { number: 1, source, author });
    if ("invalid" in frozen) throw invalid(frozen.invalid);
    return { kind: "stored", input: deps.tickets.sign(WORKFLOW.outboundMessage, input), task_queue: deps.mainQueue };
  });
}

const TOO_MANY: Problem = { path: "number", message: `must be 1 to ${MOST_DRAFTS}` };

/** MB-06, and a key that may send: alive, with its scope, seeing the mailbox. */
async function allowSending(
  deps: DraftDeps,
  { delivery, answers }: DraftOrder,
  trace: Trace,
): Promise<{ readonly delivered: Delivered; readonly author: KeyId }> {
  const capability = answers ? "mail.reply" : SENDING;
  const act = { name: ACTIVITY, needs: [capability] };
  const delivered = await allow(deps, delivery, { ...act, needs: null }, trace);
  const { message, mailbox, author } = delivered;
  if (!allowsMail(message.capabilities, capability)) return deny(deps, act, { reason: "not_granted", message }, trace);
  const key = author === null ? null : await deps.store.run("keys.get", { tenant: message.tenant, id: author });
  const may = key !== null && key.revoked_at === null && key.scopes.includes("send");
  if (!may || !(key.mailboxes?.includes(mailbox.id) ?? true)) return deny(deps, act, { reason: "no_author", message }, trace);
  return { delivered, author: key.id };
}

const SENDING = "mail.send";

async function allowRecipients(deps: DraftDeps, submission: Submission, { message }: Delivered, trace: Trace): Promise<void> {
  if (allowsMail(message.capabilities, SENDING) || goesBack(submission, message)) return;
  await deny(deps, { name: ACTIVITY, needs: [SENDING] }, { reason: "not_granted", message }, trace);
}

/** The workflow's id is the server's word; everything else in it is the record's or this code's. */
function draftId({ delivery, number }: DraftOrder, { workflow_id }: Trace): DraftId {
  const named = JSON.stringify(["agent", delivery.tenant, delivery.dispatch, workflow_id, number]);
  return makeId("drf", createHash("sha256").update(named).digest().subarray(0, 16));
}

function submissionOf(draft: MailDraft, answered: MessageRow | null): Submission {
  const { to = [], cc = [], bcc = [], markdown, text = null, attachments = [] } = draft;
  if (answered === null) return { to, cc, bcc, subject: draft.subject ?? "", markdown, text, attachments };
  // Never Reply-To: whoever can write it could lead the answer elsewhere.
  if (to.length === 0 && answered.from === null) throw invalid([{ path: "to", message: "must say who is to be answered" }]);
  const subject = draft.subject ?? replySubject(answered.subject);
  return { to: to.length > 0 ? to : [answered.from!], cc, bcc, subject, markdown, text, attachments };
}

/** Until the work is done nothing else says that somebody needs the bytes. */
async function holdingBytes<T>(
  { blobs, uses, freeBytes }: DraftDeps,
  { message: { tenant } }: Delivered,
  submission: Submission,
  work: (source: MessageRef) => Promise<T>,
): Promise<T> {
  await needRoom(freeBytes);
  const bytes = Buffer.from(JSON.stringify(submission));
  const leave = await uses.take({ tenant, digest: createHash("sha256").update(bytes).digest("hex") });
  try {
    const writer = await blobs.create(tenant);
    await writer.write(bytes);
    return await work(await writer.commit());
  } finally {
    leave();
  }
}

interface Parts {
  readonly id: DraftId;
  readonly order: DraftOrder;
  readonly delivered: Delivered;
  readonly author: KeyId;
  readonly source: MessageRef;
  readonly draft: MailDraft;
}

function inputOf({ clock }: DraftDeps, { id, order, delivered, author, source, draft }: Parts): OutboundInput {
  const { message, mailbox } = delivered;
  return {
    ...{ tenant: message.tenant, mailbox: mailbox.id, draft: id, message: draftMessageId(id), kind: "draft", source, author },
    thread: order.answers ? message.thread : `thr_${idBody(id)}`,
    in_reply_to: order.answers ? message.id : null,
    submitted_at: clock(),
    send_at: draft.send_at === undefined ? null : Date.parse(draft.send_at),
  };
}

/** The message is a code; details, which a codec encrypts, say where and what. */
function invalid(errors: readonly Problem[]): ApplicationFailure {
  return ApplicationFailure.create({ type: "invalid_request", message: "invalid_request", nonRetryable: true, details: [{ errors }] });
}
