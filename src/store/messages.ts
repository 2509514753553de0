import { sql } from "kysely";
import type { DispatchRef } from "../model/channel.ts";
import { isRefusal, type Decision, type FinalOutcome } from "../model/decision.ts";
import { idBody, type MailboxId, type MessageId, type TenantId, type ThreadId } from "../model/ids.ts";
import { PosternError } from "../model/errors.ts";
import type { MessageFacts } from "../model/message.ts";
import type { Args, InboundProposal, MessageOutcome, MessageRow } from "./contract.ts";
import { openDispatches } from "./dispatch-open.ts";
import { senderKey, settleTokens } from "./ledger.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { Flag, MailboxesTable, MessagesTable } from "./schema.ts";
import { joinThread } from "./threads.ts";

export const messages = {
  "messages.get": { kind: "read", run: findMessageFor },

  "messages.list": {
    kind: "read",
    async run({ db }, args) {
      const size = pageSize(args);
      let query = db.selectFrom("messages").selectAll().where("tenant", "=", args.tenant).where("mailbox", "=", args.mailbox);
      for (const outcome of wantedOutcomes(args)) query = query.where("outcome", "=", outcome);
      if (args.direction !== "outbound") query = query.where("direction", "=", "inbound");
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("received_at", "id"), "<", tuple(at, id as MessageId)));
      }
      if (args.view === "agent") query = query.where(isNoCopy);
      const rows = await query
        .orderBy("received_at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(rows, size, (row) => ({ at: row.received_at, id: row.id }), messageRow);
    },
  },

  "messages.delivered_after": {
    kind: "read",
    async run({ db }, args) {
      const { tenant, mailbox, after } = args;
      return (await selectDelivered(db, { tenant, mailbox, after, size: pageSize(args) })).map(messageRow);
    },
  },

  "messages.settle": {
    kind: "write",
    async run(tx, { tenant, id, tokens_consumed, at }) {
      const row = await tx.db
        .updateTable("messages")
        .set({ tokens_consumed, settled_at: at })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .where("outcome", "=", "delivered")
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) return null;
      await settleTokens(tx, id, tokens_consumed);
      return messageRow(row);
    },
  },

  "messages.references": {
    kind: "read",
    async run({ db }, blob) {
      for (const select of [selectMessageWith, selectSunkWith, selectDraftOf, selectDraftFrom]) {
        if ((await select(db, blob)).length > 0) return true;
      }
      return false;
    },
  },
} satisfies OperationsOf<"messages">;

export async function findMessageFor({ db }: Tx, { tenant, id, view }: Args<"messages.get">): Promise<MessageRow | null> {
  let query = db.selectFrom("messages").selectAll().where("tenant", "=", tenant).where("id", "=", id);
  if (view === "agent") query = query.where("outcome", "in", ["delivered", "sent"]).where(isNoCopy);
  const row = await query.executeTakeFirst();
  return row === undefined ? null : messageRow(row);
}

/** MM-05: that and to whom the overseer's copies go is none of the agent's business. */
const isNoCopy = sql<boolean>`not exists (select 1 from drafts where drafts.id = messages.draft and drafts.kind = 'copy')`;

interface Blob {
  readonly tenant: TenantId;
  readonly digest: string;
}

const selectMessageWith = once((db, { tenant, digest }: Blob) =>
  db.selectFrom("messages").select("id").where("tenant", "=", tenant).where("digest", "=", digest).where("keeps_raw", "=", 1).limit(1),
);

const selectSunkWith = once((db, { tenant, digest }: Blob) =>
  db.selectFrom("sink").select("id").where("tenant", "=", tenant).where("digest", "=", digest).limit(1),
);

// What was blocked goes as refused mail does; so does what came to nothing and whose words are erased (audit.ts).
const drafted = (db: Tx["db"]) =>
  db
    .selectFrom("revisions")
    .innerJoin("drafts", "drafts.id", "revisions.draft")
    .select("drafts.id")
    .where("drafts.state", "!=", "blocked")
    .where("revisions.recipients_json", "!=", "[]")
    .limit(1);

const selectDraftOf = once((db, { tenant, digest }: Blob) =>
  drafted(db).where("revisions.tenant", "=", tenant).where("revisions.mime_digest", "=", digest),
);

const selectDraftFrom = once((db, { tenant, digest }: Blob) =>
  drafted(db).where("revisions.tenant", "=", tenant).where("revisions.source_digest", "=", digest),
);

const selectDelivered = once((db, given: { tenant: TenantId; mailbox: MailboxId; after: number; size: number }) =>
  db
    .selectFrom("messages")
    .selectAll()
    .where("tenant", "=", given.tenant)
    .where("mailbox", "=", given.mailbox)
    .where("delivery_seq", ">", given.after)
    .orderBy("delivery_seq")
    .limit(given.size),
);

/** The thread that begins with this message. */
export function firstThread(message: MessageId): ThreadId {
  return `thr_${idBody(message)}`;
}

type InboundRow = Omit<MessagesTable, "delivery_seq">;

const insertMessage = once((db, row: InboundRow) => db.insertInto("messages").values({ ...row, delivery_seq: null }));

const insertDelivered = once((db, row: InboundRow) =>
  db.insertInto("messages").values((eb) => ({
    ...row,
    delivery_seq: eb.selectFrom("mailboxes").select("mailboxes.delivery_seq").where("mailboxes.id", "=", row.mailbox),
  })),
);

/**
 * The one row of an inbound message, with its final outcome and, delivered, its place in the mailbox's order of delivery and
 * the deliveries that begin; membership of its thread for a proven sender, unless it was refused or dropped.
 */
export async function addInbound(
  tx: Tx,
  proposal: InboundProposal,
  { outcome, capabilities }: Pick<Decision<FinalOutcome>, "outcome" | "capabilities">,
  to: Pick<MailboxesTable, "channels_json"> | undefined,
): Promise<readonly DispatchRef[]> {
  const row = inboundRow(proposal, outcome, capabilities);
  await (outcome === "delivered" ? deliver(tx, row, to) : tx.later(insertMessage, row));
  // A name that nobody proved took no part: its owner's next mail would be drawn into a forger's thread.
  if (row.keeps_raw === 1 && row.verified === 1) await joinThread(tx, row.thread, row.sender);
  return outcome === "delivered" && to !== undefined ? openDispatches(tx, row, to.channels_json, proposal.at) : [];
}

/** At the next place in the mailbox's order of delivery; wakes who waits for mail. */
async function deliver(tx: Tx, row: InboundRow, to: object | undefined): Promise<void> {
  const { mailbox } = row;
  if (to === undefined) throw noMailbox();
  await tx.later(takePlace, { mailbox });
  await tx.later(insertDelivered, row);
  tx.touch(`mailbox:${mailbox}`);
}

const takePlace = once((db, given: { mailbox: MailboxId }) =>
  db
    .updateTable("mailboxes")
    .set((eb) => ({ delivery_seq: eb("delivery_seq", "+", 1) }))
    .where("id", "=", given.mailbox)
    .returning(["delivery_seq", "channels_json"]),
);

/** Where in the mailbox's order of delivery, and which ways beside pull. */
export type DeliveryPlace = Pick<MailboxesTable, "delivery_seq" | "channels_json">;

/** The next place in the mailbox's order of delivery, for a message of this transaction; wakes who waits for mail. */
export async function nextPlace(tx: Tx, mailbox: MailboxId): Promise<DeliveryPlace> {
  const [row] = await takePlace(tx.db, { mailbox });
  if (row === undefined) throw noMailbox();
  tx.touch(`mailbox:${mailbox}`);
  return row;
}

function noMailbox(): PosternError {
  return new PosternError("not_found", "there is no such mailbox");
}

function inboundRow(proposal: InboundProposal, outcome: FinalOutcome, capabilities: readonly string[]): InboundRow {
  const { input, facts, headline } = proposal;
  const sender = facts?.identity.kind === "sender" ? facts.identity : null;
  return {
    id: input.message,
    tenant: input.tenant,
    mailbox: input.mailbox,
    direction: "inbound",
    source: input.source ?? "smtp",
    injection_score: null,
    thread: facts?.thread ?? firstThread(input.message),
    outcome,
    digest: input.ref.digest,
    size: input.ref.size,
    keeps_raw: isGone(outcome) ? 0 : 1,
    from_address: sender?.address ?? null,
    sender: senderKey(facts?.identity),
    verified: flag(sender?.verified ?? false),
    envelope_sender: input.envelope.sender,
    recipient: input.envelope.recipient,
    ...headline,
    automatic: flag(facts?.automatic ?? false),
    facts_json: facts === null ? null : JSON.stringify(facts),
    capabilities_json: JSON.stringify(capabilities),
    tokens_reserved: outcome === "delivered" ? (facts?.tokens ?? 0) : 0,
    tokens_consumed: null,
    settled_at: null,
    received_at: input.received_at,
    retention_days: proposal.audit.retentionDays,
    draft: null,
  };
}

/** Refused or dropped: nobody will ask for its bytes. What a person discards later was held first and is kept. */
function isGone(outcome: FinalOutcome): boolean {
  return outcome === "discarded" || isRefusal(outcome);
}

function flag(value: boolean): Flag {
  return value ? 1 : 0;
}

/** An agent may see what it was given and what it sent; every outbound row is of the one outcome, which its index serves. */
function wantedOutcomes({ view, direction, outcome }: Args<"messages.list">): readonly MessageOutcome[] {
  const wanted: MessageOutcome[] = outcome === undefined ? [] : [outcome];
  if (direction === "outbound") wanted.push("sent");
  else if (view === "agent") wanted.push("delivered");
  return wanted;
}

function messageRow(row: MessagesTable): MessageRow {
  return {
    id: row.id,
    tenant: row.tenant,
    mailbox: row.mailbox,
    direction: row.direction,
    source: row.source,
    injection_score: row.injection_score,
    thread: row.thread,
    outcome: row.outcome,
    digest: row.digest,
    size: row.size,
    from: row.from_address,
    verified: row.verified === 1,
    envelope_sender: row.envelope_sender,
    recipient: row.recipient,
    subject: row.subject,
    rfc_message_id: row.rfc_message_id,
    automatic: row.automatic === 1,
    facts: row.facts_json === null ? null : (JSON.parse(row.facts_json) as MessageFacts),
    capabilities: JSON.parse(row.capabilities_json) as string[],
    tokens_reserved: row.tokens_reserved,
    tokens_consumed: row.tokens_consumed,
    received_at: row.received_at,
    delivery_seq: row.delivery_seq,
    draft: row.draft,
  };
}
