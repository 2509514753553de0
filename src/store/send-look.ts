import { foldRecipient } from "../model/fold.ts";
import type { Args, Result } from "./contract.ts";
import type { DraftRow, SendAttempt } from "./contract-outbound.ts";
import { deliveriesOf, isDue } from "./deliveries.ts";
import { findDraftRow } from "./drafts.ts";
import type { Tx } from "./operation.ts";
import { factsOf } from "./screening.ts";
import { attemptAfter, unwritten } from "./send-attempts.ts";
import { findQuestion } from "./send-bars.ts";

/** One look instead of three, and no write: what counts is checked again in the claim. */
export async function lookAt(tx: Tx, { tenant, draft: id, at }: Args<"sends.look">): Promise<Result<"sends.look">> {
  const draft = await findDraftRow(tx, { tenant, id });
  if (draft === null) return null;
  const { mailbox, thread, author, in_reply_to } = draft;
  const recipients = draft.revision.recipients.map(({ address }) => foldRecipient(address));
  const facts = await factsOf(tx, { tenant, mailbox, draft: id, thread, author, in_reply_to, recipients, at });
  return { draft, facts, ready: await readyOf(tx, draft) };
}

/** INVARIANT: what people were ever asked about goes the long way, whatever they said. */
async function readyOf(tx: Tx, { id, state, revision }: DraftRow): Promise<SendAttempt | null> {
  if (state !== "queued" && state !== "sending") return null;
  const attempt = await attemptAfter(tx, id);
  if (attempt === null || (await findQuestion(tx, id)) !== null) return null;
  const recipients = (await deliveriesOf(tx, id)).filter(isDue).map(({ recipient }) => recipient);
  if (recipients.length === 0) return null;
  return unwritten(attempt, revision.envelope_sender, recipients);
}
