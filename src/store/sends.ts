import { PosternError } from "../model/errors.ts";
import type { DraftId, TenantId } from "../model/ids.ts";
import type { DraftState } from "../model/outbound.ts";
import { earlierAnswer, readable, recordAttempt } from "./attempts.ts";
import type { SendFinish, SendOpened, SendOpening, SendRecord } from "./contract-outbound.ts";
import { deliveriesOf, isDue, recordReplies, stateByDeliveries } from "./deliveries.ts";
import { changeDraft, findDraft } from "./drafts.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { currentRevision, endDeliveries } from "./revisions.ts";
import type { DraftsTable } from "./schema.ts";
import {
  attemptAfter,
  carryOn,
  endAttempt,
  findAttempt,
  lastAttempt,
  leaveBehind,
  openAttempt,
  UNCLAIMED,
  type Attempt,
} from "./send-attempts.ts";
import { appendFinish, appendSending } from "./send-audit.ts";
import { barTo, findQuestion } from "./send-bars.ts";
import { claimSend } from "./send-claim.ts";
import { lookAt } from "./send-look.ts";
import { settle } from "./send-settle.ts";

export const sends = {
  "sends.look": { kind: "read", run: lookAt },

  "sends.open": {
    kind: "write",
    async run(tx, opening) {
      const draft = await mustFind(tx, opening);
      const left = await leaveBehind(tx, draft, opening);
      return left === null ? open(tx, draft, opening) : { kind: "stopped", ...left };
    },
  },

  "sends.claim": {
    kind: "write",
    run: async (tx, claim) => claimSend(tx, await mustFind(tx, claim), claim),
  },

  "sends.carry": { kind: "write", run: carryOn },

  "sends.record": {
    kind: "write",
    run: async (tx, record) => recordAttemptEnd(tx, await mustFind(tx, record), record),
  },

  "sends.settle": {
    kind: "write",
    async run(tx, given) {
      const settlement = { ...given, attempt: readable(given.attempt) };
      const earlier = await earlierAnswer(tx, settlement.attempt);
      if (earlier !== null) return earlier;
      const answer = await settle(tx, settlement);
      await recordAttempt(tx, settlement.attempt, answer);
      return answer;
    },
  },

  "sends.finish": {
    kind: "write",
    run: async (tx, finish) => ({ state: await finishDraft(tx, await mustFind(tx, finish), finish) }),
  },
} satisfies OperationsOf<"sends">;

/** States that follow from what became of each recipient. */
const UNDERWAY: readonly DraftState[] = ["queued", "sending", "unknown"];

async function mustFind(tx: Tx, { tenant, draft: id }: { tenant: TenantId; draft: DraftId }): Promise<DraftsTable> {
  const draft = await findDraft(tx, tenant, id);
  if (draft === null) throw new PosternError("not_found", "there is no such draft");
  return draft;
}

async function open(tx: Tx, draft: DraftsTable, opening: SendOpening): Promise<SendOpened> {
  const { id, state } = draft;
  const { content_hash, at } = opening;
  const due = (await deliveriesOf(tx, id)).filter(isDue);
  const bar = await barTo(tx, draft, opening, due);
  if (bar !== null) return { kind: "stopped", ...bar, state };
  if (due.length === 0) return { kind: "stopped", why: "done", until: null, state: await catchUp(tx, draft, at) };
  const attempt = ((await lastAttempt(tx, id))?.attempt ?? 0) + 1;
  const recipients = due.map(({ recipient }) => recipient);
  await openAttempt(tx, { draft: id, attempt, content_hash, recipients, opened_at: at });
  const { envelope_sender } = await currentRevision(tx, draft);
  const reviewed = await isReviewed(tx, draft, content_hash);
  return { kind: "open", attempt, on_record: true, envelope_sender, recipients, reviewed };
}

/** Everybody has it or has refused it, and the draft's row does not say so yet. */
async function catchUp(tx: Tx, { id, state: before }: DraftsTable, at: number): Promise<DraftState> {
  const { state, reason } = await stateByDeliveries(tx, id);
  if (state !== before) await changeDraft(tx, id, { state, ...(reason === null ? {} : { reason }) }, at);
  return state;
}

async function isReviewed(tx: Tx, { id }: DraftsTable, content_hash: string): Promise<boolean> {
  const asked = await findQuestion(tx, id);
  return asked?.status === "approved" && asked.content_hash === content_hash;
}

/** Of an attempt that is over nothing more is learnt. One given up as unknown may still tell what became of it. */
async function recordAttemptEnd(tx: Tx, draft: DraftsTable, record: SendRecord): Promise<{ state: DraftState; retry: boolean }> {
  const attempt = await attemptOf(tx, record);
  if (attempt === null) return whereItIs(tx, draft);
  const claimed = attempt.phase === "data" || attempt.phase === "unknown";
  if (claimed || attempt.phase === "connect") {
    if (!claimed && record.end === "unknown") throw new PosternError("internal", "what was not claimed cannot be unknown");
    await recordReplies(tx, record, claimed ? attempt.recipients : []);
    await moveOn(tx, draft, record);
    await appendSending(tx, draft, { ...record, content_hash: attempt.content_hash });
  }
  return whereItIs(tx, draft);
}

/** Null: another has taken the number of one that never came to its claim, and nothing was said to anybody. */
async function attemptOf(tx: Tx, { draft, attempt: number, on_record, claim, content_hash, at }: SendRecord): Promise<Attempt | null> {
  const attempt = await findAttempt(tx, draft, number);
  if (on_record && attempt === null) throw new PosternError("not_found", "there is no such attempt");
  if (attempt !== null) return on_record || (claim !== null && attempt.claim === claim) ? attempt : null;
  if ((await attemptAfter(tx, draft)) !== number) return null;
  const opening = { draft, attempt: number, content_hash, recipients: [], opened_at: at };
  await openAttempt(tx, opening);
  return { ...opening, ...UNCLAIMED, ended_at: null };
}

async function moveOn(tx: Tx, draft: DraftsTable, record: SendRecord): Promise<void> {
  const { state, reason } = await stateByDeliveries(tx, draft.id);
  await endAttempt(tx, record, state === "unknown" ? "unknown" : "done", record.at);
  // Taken back or put before people while the connection was being made: nothing has gone out, and it stays so.
  if (!UNDERWAY.includes(draft.state)) return;
  await changeDraft(tx, draft.id, { state, ...(reason === null ? {} : { reason }) }, record.at);
}

async function whereItIs(tx: Tx, { tenant, id, state }: DraftsTable): Promise<{ state: DraftState; retry: boolean }> {
  const now = (await findDraft(tx, tenant, id))?.state ?? state;
  const due = (await deliveriesOf(tx, id)).some(isDue);
  return { state: now, retry: due && (now === "queued" || now === "sending") };
}

async function finishDraft(tx: Tx, draft: DraftsTable, finish: SendFinish): Promise<DraftState> {
  const { id } = draft;
  if (!UNDERWAY.includes(draft.state)) return draft.state;
  const left = await leaveBehind(tx, draft, finish);
  if (left !== null) return left.state;
  const state = (await endDeliveries(tx, id, finish.at)) ? "sent" : finish.state;
  await changeDraft(tx, id, { state, reason: finish.reason }, finish.at);
  await appendFinish(tx, draft, finish, state);
  return state;
}
