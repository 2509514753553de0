import type { Decision } from "../model/decision.ts";
import { appendDecision, messageDetails } from "./audit.ts";
import type { ReleaseProposal } from "./contract.ts";
import { finalDecision, recordDecision } from "./decisions.ts";
import { reserveTokens } from "./ledger.ts";
import { nextPlace } from "./messages.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import type { MessagesTable } from "./schema.ts";
import type { MessageFacts } from "../model/message.ts";

export const release = {
  // The run that decided may ask again and is told the same; anybody else comes too late.
  "release.decide": {
    kind: "write",
    async run(tx, proposal) {
      const message = await findMessage(tx, proposal);
      if (message === undefined) return { refused: "not_found" };
      const recorded = await finalDecision(tx, message.id, "release");
      if (recorded !== null) return recorded.run === proposal.trace.run_id ? recorded : { refused: "not_waiting" };
      const held = await finalDecision(tx, message.id, "inbound");
      if (held === null || (held.outcome !== "held" && held.outcome !== "quarantined")) return { refused: "not_waiting" };
      return proposal.action === "release" ? releaseMessage(tx, proposal, message, held) : discardMessage(tx, proposal, message, held);
    },
  },
} satisfies OperationsOf<"release">;

async function findMessage({ db }: Tx, { tenant, message }: ReleaseProposal): Promise<MessagesTable | undefined> {
  return db.selectFrom("messages").selectAll().where("tenant", "=", tenant).where("id", "=", message).executeTakeFirst();
}

/** A person's word is not refused for a budget: the tokens are charged and may overdraw it. */
async function releaseMessage(tx: Tx, proposal: ReleaseProposal, message: MessagesTable, held: Decision): Promise<Decision> {
  const { id, mailbox, thread, sender } = message;
  const tokens = estimate(message);
  const charge = { message: id, mailbox, thread, sender, tokens, at: proposal.at };
  const reservations = await reserveTokens(tx, charge);
  const delivered = { outcome: "delivered", tokens_reserved: tokens, delivery_seq: await nextPlace(tx, mailbox) } as const;
  await tx.db.updateTable("messages").set(delivered).where("id", "=", id).execute();
  const { capabilities } = held;
  return record(tx, proposal, message, { ...followUp(proposal, held), outcome: "delivered", capabilities, reservations });
}

/** The raw bytes go as those of refused mail do: the collector takes them. */
async function discardMessage(tx: Tx, proposal: ReleaseProposal, message: MessagesTable, held: Decision): Promise<Decision> {
  await tx.db.updateTable("messages").set({ outcome: "discarded", keeps_raw: 0 }).where("id", "=", message.id).execute();
  return record(tx, proposal, message, { ...followUp(proposal, held), outcome: "discarded", capabilities: [], reservations: [] });
}

function followUp(proposal: ReleaseProposal, held: Decision): Omit<Decision, "outcome" | "capabilities" | "reservations"> {
  return {
    id: proposal.decision_id,
    message: held.message,
    run: proposal.trace.run_id,
    direction: "inbound",
    stage: "release",
    reason: proposal.action === "release" ? "released_by_person" : "discarded_by_person",
    judged_at: "person",
    rule_index: held.rule_index,
    policy: held.policy,
    findings: [],
    verification: held.verification,
    supersedes: held.id,
    at: new Date(proposal.at).toISOString(),
    actor: proposal.actor,
  };
}

async function record(tx: Tx, proposal: ReleaseProposal, message: MessagesTable, decision: Decision): Promise<Decision> {
  const { tenant, mailbox, thread } = message;
  const place = { tenant, mailbox, thread, body_sha256: await bodyHash(tx, decision) };
  await recordDecision(tx, decision, place);
  const { from_address: from, envelope_sender, recipient, subject } = message;
  await appendDecision(
    tx,
    { id: proposal.audit_id, ...place, decision, trace: proposal.trace, addresses: { from, envelope_sender, recipient, ip: null } },
    {
      salt: proposal.salt,
      details: { ...messageDetails({ sender: envelope_sender, recipient }, from, subject), note: proposal.note },
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
