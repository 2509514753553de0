import type { HoldTimes } from "../model/hold.ts";
import type { DraftKind, Mode } from "../model/outbound.ts";
import type { ScreenProposal } from "./contract-outbound.ts";
import { insertHold } from "./hold-rows.ts";
import { termsToday } from "./hold-terms.ts";
import type { Tx } from "./operation.ts";
import type { SendingMailbox } from "./sending-mailbox.ts";

// When a draft is put before people, and how.

/** Why people are asked. */
export type Question = Pick<ScreenProposal, "reason" | "judged_at">;

/**
 * Null: nobody need be asked. INVARIANT (MM-04): the mode of this moment counts, however lax the one was that the proposal
 * was made under.
 */
export function questionOf(proposal: ScreenProposal, mode: Mode): Question | null {
  const { outcome, reason, judged_at, input } = proposal;
  if (outcome === "pending_send_approval") return { reason, judged_at };
  return isGated(mode, input.kind) ? { reason: `mode_${mode}`, judged_at: "oversight" } : null;
}

function isGated(mode: Mode, kind: DraftKind): boolean {
  return kind === "draft" && (mode === "gated_all" || mode === "gated_send");
}

/** Returns the times of the new hold. */
export async function beginHold(tx: Tx, proposal: ScreenProposal, { address }: SendingMailbox, reason: string): Promise<HoldTimes> {
  const { input, revision, content, at } = proposal;
  const { tenant, mailbox, draft } = input;
  const { terms } = await termsToday(tx, input, at);
  return insertHold(tx, {
    id: draft,
    tenant,
    mailbox,
    direction: "outbound",
    kind: "send",
    reason,
    subject: content.subject,
    to: content.recipients.map((recipient) => recipient.address),
    from: address,
    revision: revision.number,
    content_hash: revision.content_hash,
    author: content.author,
    terms,
    at,
  });
}
