import { createHash } from "node:crypto";
import { crockford, draftMessageId, idBody, type DraftId } from "../src/model/ids.ts";
import type { MessageRef } from "../src/model/message.ts";
import { WORKFLOW } from "../src/model/names.ts";
import type { DraftState, OutboundInput, Recipient, Submission } from "../src/model/outbound.ts";
import type { Ticketed } from "../src/model/ticket.ts";
import type { DraftRow } from "../src/store/contract-outbound.ts";
import type { OutboundDeps } from "./deps.ts";

/**
 * What the oversight address is to be told of mail that a monitored mailbox sent (MM-05): a message of its own, with the
 * sent one attached. Null: there is no such address. The same mail gives the same copy.
 *
 * INVARIANT: what it returns has a ticket, so only what has left is copied; nobody would be asked about the copy.
 */
export async function copy(deps: OutboundDeps, input: OutboundInput): Promise<Ticketed<OutboundInput> | null> {
  const { tenant, mailbox } = input;
  const [row, draft, hold] = await Promise.all([
    deps.store.run("mailboxes.get", { tenant, id: mailbox }),
    deps.store.run("drafts.get", { tenant, id: input.draft }),
    deps.store.run("holds.get", { tenant, id: input.draft }),
  ]);
  if (row === null || draft === null || row.oversight_address === null || !isOverseen(draft)) return null;
  const mime = await deps.blobs.get(tenant, draft.revision.mime.digest);
  if (mime === null) return null;
  const source = await keep(deps, input, submissionOf(row.oversight_address, draft, hold?.approved_by.length ?? 0, mime));
  const id = copyId(input.draft);
  const thread = `thr_${idBody(id)}` as const;
  const named = { draft: id, message: draftMessageId(id), thread, kind: "copy" } as const;
  return deps.tickets.sign(WORKFLOW.outboundMessage, { ...input, ...named, source, in_reply_to: null, send_at: null });
}

const LEFT: readonly DraftState[] = ["sent", "delivered", "bounced", "complained"];

function isOverseen({ kind, mode, state }: DraftRow): boolean {
  return kind === "draft" && mode === "monitored" && LEFT.includes(state);
}

function copyId(draft: DraftId): DraftId {
  return `drf_${crockford(createHash("sha256").update(`copy\n${draft}`).digest().subarray(0, 16))}`;
}

/** Bcc is named, because the overseer must know whom the sent mail does not. */
function submissionOf(to: string, { revision }: DraftRow, approvals: number, mime: Buffer): Submission {
  const { subject, recipients } = revision;
  const named = (kind: Recipient["kind"]): string =>
    recipients
      .filter((one) => one.kind === kind)
      .map(({ address }) => `\`${address}\``)
      .join(", ");
  const lines = (["to", "cc", "bcc"] as const).filter((kind) => named(kind) !== "").map((kind) => `- ${kind}: ${named(kind)}`);
  return {
    ...{ to: [to], cc: [], bcc: [], text: null },
    // A pair of surrogates may have been cut in two.
    subject: `Copy: ${subject}`.slice(0, 998).toWellFormed(),
    markdown: [`The attached message was sent ${askedOf(approvals)} (mode \`monitored\`).`, "", ...lines].join("\n"),
    attachments: [{ filename: "sent.eml", content_type: "message/rfc822", content: mime.toString("base64") }],
  };
}

/** How many agreed, not who: the audit log names them. */
function askedOf(approvals: number): string {
  if (approvals === 0) return "without asking anybody";
  return approvals === 1 ? "after one person approved it" : `after ${approvals} people approved it`;
}

async function keep({ blobs, uses }: OutboundDeps, { tenant }: OutboundInput, submission: Submission): Promise<MessageRef> {
  const bytes = Buffer.from(JSON.stringify(submission));
  const leave = await uses.take({ tenant, digest: createHash("sha256").update(bytes).digest("hex") });
  try {
    const writer = await blobs.create(tenant);
    await writer.write(bytes);
    return await writer.commit();
  } finally {
    leave();
  }
}
