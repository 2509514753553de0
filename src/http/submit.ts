import { createHash } from "node:crypto";
import { needRoom } from "../blobs/room.ts";
import { draftMessageId, idBody, makeId, type DraftId, type MailboxId, type MessageId, type ThreadId } from "../model/ids.ts";
import { PosternError } from "../model/errors.ts";
import type { MessageRef } from "../model/message.ts";
import type { OutboundInput, Submission } from "../model/outbound.ts";
import type { SubmitAnswer } from "../gate/submit.ts";
import type { Writing } from "../screening/freeze.ts";
import type { MailboxRow } from "../store/contract.ts";
import type { DraftRow } from "../store/contract-outbound.ts";
import type { Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";
import { tooManySends } from "./send-limits.ts";

/** One draft on its way in. */
export interface Draft {
  readonly mailbox: MailboxRow;
  readonly submission: Submission;
  /** What is answered, and its thread; null: a new thread. */
  readonly answers: { readonly message: MessageId; readonly thread: ThreadId } | null;
  readonly send_at: number | null;
}

/** Milliseconds a caller waits for the first decision. */
const DEADLINE_MS = 30_000;

/** An answer as it was given the first time. */
export interface Submitted {
  readonly status: 200 | 202;
  readonly draft: DraftRow;
}

/** What a pinned answer says; a refusal is thrown again as it was. */
type Pinned = { readonly kind: "draft"; readonly status: 200 | 202 | 403 };

/**
 * NY-12: one (mailbox, key) names one draft. Whoever submits the same again, at once or later, here or after a restart, gets
 * the same draft and the same answer; only what was refused for a cap or not answered may be tried anew.
 */
export async function submitDraft(
  deps: HttpDeps,
  caller: Caller,
  draft: Draft,
  given: { key: string | null; hash: string },
): Promise<Submitted> {
  const offered: DraftId = makeId("drf", deps.random(16));
  // Nobody can name it again, so there is nothing to remember.
  if (given.key === null) return answered(deps, draft, await enter(deps, caller, draft, offered));
  const place = { tenant: caller.tenant, mailbox: draft.mailbox.id, key: given.key };
  const row = await deps.store.run("idempotency.begin", { ...place, payload_hash: given.hash, draft: offered, at: deps.clock() });
  if ("conflict" in row) throw conflict();
  const known = row.draft === offered ? null : await deps.store.run("drafts.get", { tenant: caller.tenant, id: row.draft });
  if (known !== null && row.answer !== null) return pinnedAnswer(deps, known, JSON.parse(row.answer) as Pinned);
  try {
    const answer = known === null ? await enter(deps, caller, draft, row.draft) : ({ kind: "draft", draft: known } as const);
    if (answer.kind === "draft") await pin(deps, place, answer.draft);
    return await answered(deps, draft, answer);
  } catch (error) {
    if (isOver(error)) await deps.store.run("idempotency.release", { mailbox: place.mailbox, key: place.key, draft: row.draft });
    throw error;
  }
}

/** INVARIANT: a key is only given up when nothing can come of its draft any more; a run that may still go on keeps it. */
function isOver(error: unknown): boolean {
  return error instanceof PosternError && (error.code === "invalid_request" || error.code === "too_many_requests");
}

async function pinnedAnswer(deps: HttpDeps, draft: DraftRow, { status }: Pinned): Promise<Submitted> {
  if (status === 403) throw await blocked(deps, draft);
  // The same answer as then, whatever has become of the draft since.
  return { status, draft: { ...draft, state: status === 202 ? "pending_send_approval" : "queued" } };
}

/** Composed here, so that whoever wrote it learns what is wrong with it; the workflow finds it composed. */
async function enter(deps: HttpDeps, caller: Caller, draft: Draft, id: DraftId): Promise<SubmitAnswer> {
  return holdingBytes(deps, caller, draft.submission, async (written) => {
    const input = inputOf(deps, caller, draft, id, written.source);
    const frozen = await deps.freezer.freeze(input, { number: 1, ...written, author: input.author });
    if ("invalid" in frozen) throw invalid(frozen.invalid);
    return deps.gate.submit(input, DEADLINE_MS);
  });
}

export function inputOf(deps: HttpDeps, { tenant, key }: Caller, draft: Draft, id: DraftId, source: MessageRef): OutboundInput {
  return {
    ...{ tenant, mailbox: draft.mailbox.id, draft: id, message: draftMessageId(id), kind: "draft", source, author: key.id },
    thread: draft.answers?.thread ?? `thr_${idBody(id)}`,
    in_reply_to: draft.answers?.message ?? null,
    submitted_at: deps.clock(),
    send_at: draft.send_at,
  };
}

/** Freezing stores them; until the work is done nothing else says that somebody needs the bytes. */
export async function holdingBytes<T>(
  { uses, freeBytes }: HttpDeps,
  { tenant }: Caller,
  submission: Submission,
  work: (written: Required<Pick<Writing, "source" | "bytes">>) => Promise<T>,
): Promise<T> {
  await needRoom(freeBytes);
  const bytes = Buffer.from(JSON.stringify(submission));
  const digest = createHash("sha256").update(bytes).digest("hex");
  const leave = await uses.take({ tenant, digest });
  try {
    return await work({ source: { digest, size: bytes.length }, bytes });
  } finally {
    leave();
  }
}

async function answered(deps: HttpDeps, { mailbox }: Draft, answer: SubmitAnswer): Promise<Submitted> {
  switch (answer.kind) {
    case "draft":
      return submitted(deps, answer.draft);
    case "limited":
      throw await tooManySends(deps, mailbox, answer.decision);
    case "failed":
      throw new PosternError("internal", "the draft could not be composed");
    case "deferred":
      throw notNow(answer.reason);
    default:
      return answer satisfies never;
  }
}

async function pin(
  { store }: HttpDeps,
  { mailbox, key }: { readonly mailbox: MailboxId; readonly key: string },
  draft: DraftRow,
): Promise<void> {
  const answer: Pinned = { kind: "draft", status: statusOf(draft) };
  await store.run("idempotency.settle", { mailbox, key, status: answer.status, answer: JSON.stringify(answer) });
}

async function submitted(deps: HttpDeps, draft: DraftRow): Promise<Submitted> {
  const status = statusOf(draft);
  if (status === 403) throw await blocked(deps, draft);
  return { status, draft };
}

function statusOf({ state }: DraftRow): Pinned["status"] {
  if (state === "blocked") return 403;
  return state === "pending_send_approval" ? 202 : 200;
}

/** A recipient is never left out silently: the whole draft is refused, and says for whom. */
async function blocked({ store }: HttpDeps, { id, tenant, decision: decision_id, reason, revision }: DraftRow): Promise<PosternError> {
  const row = await store.run("decisions.get", { tenant, id: decision_id });
  const refused = (row?.decision.findings ?? []).flatMap(({ recipient }) =>
    recipient === undefined ? [] : [revision.recipients[recipient]],
  );
  return new PosternError("blocked", `the draft was blocked: \`${reason}\``, {
    fix: "`GET /v1/decisions/{decision_id}/explain` says by what; ask an operator to change it, or write to others",
    problems: refused.flatMap((one) =>
      one === undefined ? [] : [{ path: one.kind, message: `\`${one.address}\` must not be written to` }],
    ),
    members: { decision_id, draft_id: id, reason },
  });
}

export function invalid(problems: readonly { readonly path: string; readonly message: string }[]): PosternError {
  return new PosternError("invalid_request", "the draft cannot be composed", { fix: "see `errors`", problems });
}

function conflict(): PosternError {
  return new PosternError("idempotency_conflict", "this `Idempotency-Key` was used with another request", {
    fix: "use a new key for a new draft",
  });
}

function notNow(reason: "no_answer" | "busy" | "unavailable"): PosternError {
  if (reason === "no_answer")
    return new PosternError("in_flight", "the draft is still being judged", {
      temporary: true,
      fix: "send the same request with the same `Idempotency-Key` again",
      retryAfter: 5,
    });
  return new PosternError("unavailable", "the draft could not be taken now", {
    temporary: true,
    fix: "send the same request with the same `Idempotency-Key` again",
    retryAfter: 5,
  });
}
