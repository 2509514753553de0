import type { ScreenedAt } from "../model/decision.ts";
import type { Finding } from "../model/finding.ts";
import { foldRecipient } from "../model/fold.ts";
import { RECIPIENTS_GUARD } from "../model/guards.ts";
import type { OutboundInput, OutboundReason, Recipient } from "../model/outbound.ts";
import type { SendCaps } from "./contract-outbound.ts";
import type { Tx } from "./operation.ts";
import { capReached } from "./send-caps.ts";
import { isNoAuthor, type SendingMailbox } from "./sending-mailbox.ts";
import { stoppedBy } from "./stopped.ts";
import { suppressedAmong } from "./suppressions.ts";
import { together } from "./together.ts";

/** Why a draft may not go on, by what SQL knows in this transaction. `free_at`: when one more fits, epoch ms. */
export type Objection = { readonly reason: OutboundReason; readonly findings: readonly Finding[] } & (
  | { readonly outcome: "blocked"; readonly judged_at: ScreenedAt; readonly free_at: null }
  | { readonly outcome: "rate_limited"; readonly judged_at: "caps"; readonly free_at: number }
);

export interface Screening {
  readonly input: Pick<OutboundInput, "tenant" | "mailbox" | "draft" | "kind" | "author">;
  readonly recipients: readonly Recipient[];
  readonly caps: SendCaps;
  readonly at: number;
}

/**
 * The first objection in the order of screening (DESIGN §4.3); null: none. INVARIANT: suppression comes before any quota is
 * looked at (PB-20). The copy for the overseer is held back by a stop or a suppression alone.
 *
 * INVARIANT (MM-05): nobody but the overseer gets a copy. Threat: whoever may start workflows could call any mail a copy, which
 * nobody need approve.
 */
export async function objectionTo(tx: Tx, screening: Screening, mailbox: SendingMailbox): Promise<Objection | null> {
  const { input, caps, at } = screening;
  const isDraft = input.kind === "draft";
  const [stopped, noAuthor, refused] = await together([
    stoppedBy(tx, { ...input, agent_id: mailbox.agent_id }),
    isDraft && isNoAuthor(tx, input),
    suppressedAt(tx, screening),
  ]);
  if (stopped !== null) return blocked(`stopped_${stopped}`, "kill_switch");
  if (noAuthor) return blocked("author_key_revoked", "author");
  if (isDraft && mailbox.mode === "read_only") return blocked("mode_read_only", "mode");
  if (!isDraft && !isForOverseer(screening, mailbox)) return blocked("allow_list", "lists");
  if (refused.length > 0) return blocked("suppressed", "suppression", refused.map(suppressedFinding));
  const reached = isDraft ? await capReached(tx, input, caps, at) : null;
  return reached === null ? null : { ...reached, outcome: "rate_limited", judged_at: "caps", findings: [] };
}

function isForOverseer({ recipients }: Screening, { oversight_address: overseer }: SendingMailbox): boolean {
  return overseer !== null && recipients.every(({ address }) => foldRecipient(address) === foldRecipient(overseer));
}

function blocked(reason: OutboundReason, judged_at: ScreenedAt, findings: readonly Finding[] = []): Objection {
  return { outcome: "blocked", reason, judged_at, free_at: null, findings };
}

/** Indices of the recipients who must not be written to. */
async function suppressedAt(tx: Tx, { input, recipients, at }: Screening): Promise<readonly number[]> {
  const addresses = recipients.map(({ address }) => address);
  const suppressed = await suppressedAmong(tx, input.tenant, addresses, at);
  return addresses.flatMap((address, index) => (suppressed.includes(foldRecipient(address)) ? [index] : []));
}

function suppressedFinding(recipient: number): Finding {
  return { guard: RECIPIENTS_GUARD, code: "suppressed", severity: 3, where: "headers", recipient };
}

/** What was found about the content, and whom the draft is refused for by now. */
export function findingsWith(objection: Objection, findings: readonly Finding[]): readonly Finding[] {
  return [...findings.filter(({ guard }) => guard !== RECIPIENTS_GUARD), ...objection.findings];
}
