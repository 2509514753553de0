import type { Actor, Decision, JudgedAt } from "../model/decision.ts";
import type { DecisionId, MessageId, TenantId } from "../model/ids.ts";
import type { MessageFacts } from "../model/message.ts";
import { appendDecision, messageDetails } from "./audit.ts";
import type { Trace } from "./contract.ts";
import type { Fresh } from "./contract-outbound.ts";
import { finalDecision, recordDecision } from "./decisions.ts";
import { openDispatches } from "./dispatch-open.ts";
import { reserveTokens } from "./ledger.ts";
import { nextPlace } from "./messages.ts";
import type { Tx } from "./operation.ts";
import type { MessagesTable } from "./schema.ts";

/** How the waiting of inbound mail ends: by whom or what, and when. */
export interface Release extends Fresh {
  readonly outcome: "delivered" | "discarded";
  readonly reason: "released_by_person" | "discarded_by_person" | "hold_expired";
  readonly judged_at: JudgedAt & ("person" | "expiry");
  readonly actor: Actor;
  /** A person's words. */
  readonly note: string | null;
  readonly trace: Trace;
  readonly at: number;
  readonly decision_id: DecisionId;
}

/** A message that still waits, with the decision that made it wait. */
export interface WaitingMessage {
  readonly message: MessagesTable;
  readonly held: Decision;
}

export async function findMessage({ db }: Tx, tenant: TenantId, id: MessageId): Promise<MessagesTable | undefined> {
  return db.selectFrom("messages").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
}

/** Null when the message waits for nobody: it was never held, or somebody has decided. */
export async function waiting(tx: Tx, message: MessagesTable): Promise<WaitingMessage | null> {
  if (message.outcome !== "held" && message.outcome !== "quarantined") return null;
  const held = await finalDecision(tx, message.id, "inbound");
  return held === null ? null : { message, held };
}

/** The second and last decision on a message, with what follows from it. */
export function releaseMessage(tx: Tx, waiting: WaitingMessage, release: Release): Promise<Decision> {
  return release.outcome === "delivered" ? deliver(tx, waiting, release) : discard(tx, waiting, release);
}

/** A person's word is not refused for a budget: the tokens are charged and may overdraw it. */
async function deliver(tx: Tx, { message, held }: WaitingMessage, release: Release): Promise<Decision> {
  const { id, mailbox, thread, sender } = message;
  const tokens = estimate(message);
  const charge = { message: id, mailbox, thread, sender, tokens, at: release.at };
  const reservations = await reserveTokens(tx, charge);
  const { delivery_seq, channels_json } = await nextPlace(tx, mailbox);
  const delivered = { outcome: "delivered", tokens_reserved: tokens, delivery_seq } as const;
  await tx.db.updateTable("messages").set(delivered).where("id", "=", id).execute();
  await openDispatches(tx, message, channels_json, release.at);
  const { capabilities } = held;
  return record(tx, release, message, { ...followUp(release, held), capabilities, reservations });
}

/** The raw bytes go as those of refused mail do: the collector takes them. */
async function discard(tx: Tx, { message, held }: WaitingMessage, release: Release): Promise<Decision> {
  await tx.db.updateTable("messages").set({ outcome: "discarded", keeps_raw: 0 }).where("id", "=", message.id).execute();
  return record(tx, release, message, { ...followUp(release, held), capabilities: [], reservations: [] });
}

function followUp(release: Release, held: Decision): Omit<Decision, "capabilities" | "reservations"> {
  return {
    id: release.decision_id,
    message: held.message,
    run: release.trace.run_id,
    direction: "inbound",
    stage: "release",
    outcome: release.outcome,
    reason: release.reason,
    judged_at: release.judged_at,
    rule_index: held.rule_index,
    policy: held.policy,
    findings: [],
    verification: held.verification,
    supersedes: held.id,
    at: new Date(release.at).toISOString(),
    actor: release.actor,
  };
}

async function record(tx: Tx, release: Release, message: MessagesTable, decision: Decision): Promise<Decision> {
  const { tenant, mailbox, thread } = message;
  const place = { tenant, mailbox, thread, body_sha256: await bodyHash(tx, decision) };
  await recordDecision(tx, decision, place);
  const { from_address: from, envelope_sender, recipient, subject } = message;
  await appendDecision(
    tx,
    { id: release.audit_id, ...place, decision, trace: release.trace, addresses: { from, envelope_sender, recipient, ip: null } },
    {
      salt: release.salt,
      details: { ...messageDetails({ sender: envelope_sender, recipient }, from, subject), note: release.note },
      retentionDays: message.retention_days,
    },
  );
  return decision;
}

function estimate({ facts_json }: MessagesTable): number {
  return facts_json === null ? 0 : (JSON.parse(facts_json) as MessageFacts).tokens;
}

/** As the policy wanted it when the message was held. */
async function bodyHash({ db }: Tx, { supersedes }: Decision): Promise<string | null> {
  const row = await db.selectFrom("decisions").select("body_sha256").where("id", "=", supersedes).executeTakeFirst();
  return row?.body_sha256 ?? null;
}
