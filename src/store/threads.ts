import type { FinalOutcome } from "../model/decision.ts";
import { idBody, type MailboxId, type MessageId, type ThreadId } from "../model/ids.ts";
import type { LoopKind } from "../model/message.ts";
import type { ThreadQuestion } from "./contract.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import type { AddressesTable, ParticipantsTable } from "./schema.ts";
import { together } from "./together.ts";

const HOUR = 3_600_000;

const REFUSED: readonly FinalOutcome[] = [
  "rejected_at_verification",
  "rejected_at_policy",
  "rejected_at_content_guard",
  "rate_limited",
  "budget_exhausted",
];

/** Messages that got through, to the agent or to a person; what was dropped keeps no loop going. */
const LET_IN: readonly FinalOutcome[] = ["delivered", "held", "quarantined"];

const MOST_REFERENCES = 100;

export const threads = {
  "threads.resolve": {
    kind: "read",
    async run(tx, asked) {
      const question = { ...asked, sender: asked.sender?.toLowerCase() ?? null };
      const [joined, isOwn, owner] = await together([joinedThread(tx, question), isOwnMessage(tx, question), ownerOf(tx, question)]);
      const thread = joined ?? (`thr_${idBody(question.message)}` as const);
      return { thread, loop: isOwn ? "own_message_id" : await loopKind(tx, question, thread, owner) };
    },
  },
} satisfies OperationsOf<"threads">;

/** Lets `address` continue the thread from now on. */
export async function joinThread(tx: Tx, thread: ThreadId, address: string): Promise<void> {
  await tx.later(insertParticipant, { thread, address });
}

const insertParticipant = once((db, row: ParticipantsTable) =>
  db
    .insertInto("participants")
    .values(row)
    .onConflict((conflict) => conflict.columns(["thread", "address"]).doNothing()),
);

// INVARIANT (DESIGN §3 Threads): quoting a Message-ID is no credential. Whoever joins must have been verified as
// somebody who took part, or a stranger who saw one id would write into the agent's conversation.
async function joinedThread({ db }: Tx, { tenant, mailbox, sender, verified, references }: ThreadQuestion): Promise<ThreadId | null> {
  const named = references.slice(0, MOST_REFERENCES);
  if (sender === null || !verified || named.length === 0) return null;
  const known = await db
    .selectFrom("messages")
    .innerJoin("participants", "participants.thread", "messages.thread")
    .select((eb) => ["messages.rfc_message_id", eb.fn.min("messages.thread").as("thread")])
    .where("messages.tenant", "=", tenant)
    .where("messages.mailbox", "=", mailbox)
    .where("messages.rfc_message_id", "in", named)
    .where("messages.outcome", "not in", REFUSED)
    .where("participants.address", "=", sender)
    .groupBy("messages.rfc_message_id")
    .execute();
  const threads = new Map(known.map((row) => [row.rfc_message_id, row.thread]));
  const nearest = named.find((reference) => threads.has(reference));
  return nearest === undefined ? null : threads.get(nearest)!;
}

async function loopKind(tx: Tx, question: ThreadQuestion, thread: ThreadId, owner: Owner | undefined): Promise<LoopKind | null> {
  if (question.verified && owner?.mailbox === question.mailbox) return "own_address";
  if (await threadCapReached(tx, question, thread)) return "ping_pong";
  return (await pairCapReached(tx, question, owner)) ? "ping_pong" : null;
}

/** Whose mailbox on this instance the sender's address reaches. */
type Owner = Pick<AddressesTable, "tenant" | "mailbox">;

async function isOwnMessage({ db }: Tx, { mailbox, rfc_message_id }: ThreadQuestion): Promise<boolean> {
  return rfc_message_id !== null && (await selectOwn(db, { mailbox, rfc_message_id })).length > 0;
}

const selectOwn = once((db, given: { mailbox: MailboxId; rfc_message_id: string }) =>
  db
    .selectFrom("messages")
    .select("id")
    .where("mailbox", "=", given.mailbox)
    .where("rfc_message_id", "=", given.rfc_message_id)
    .where("direction", "=", "outbound")
    .limit(1),
);

const selectOwner = once((db, given: { address: string }) =>
  db.selectFrom("addresses").select(["tenant", "mailbox"]).where("address", "=", given.address),
);

async function ownerOf({ db }: Tx, { sender }: ThreadQuestion): Promise<Owner | undefined> {
  return sender === null ? undefined : (await selectOwner(db, { address: sender }))[0];
}

/** Counts what is recorded: messages judged at the same moment may pass the cap together, which ends a loop all the same. */
async function threadCapReached({ db }: Tx, question: ThreadQuestion, thread: ThreadId): Promise<boolean> {
  const { mailbox, sender, automatic, at, caps, message } = question;
  if (sender === null || !automatic) return false;
  const counted = await selectOfSender(db, { mailbox, sender, after: at - HOUR, thread, message, limit: caps.perThread });
  return counted.length >= caps.perThread;
}

interface OfSender {
  readonly mailbox: MailboxId;
  readonly sender: string;
  readonly after: number;
  readonly thread: ThreadId;
  /** Not counted. */
  readonly message: MessageId;
  readonly limit: number;
}

const selectOfSender = once((db, given: OfSender) =>
  db
    .selectFrom("messages")
    .select("id")
    .where("mailbox", "=", given.mailbox)
    .where("sender", "=", given.sender)
    .where("received_at", ">", given.after)
    .where("thread", "=", given.thread)
    .where("automatic", "=", 1)
    .where("outcome", "in", LET_IN)
    .where("id", "!=", given.message)
    .limit(given.limit),
);

/**
 * Both ways between this mailbox and the sender's, whoever's tenants they are. Threat: another tenant may hold the address
 * of a correspondent and fill its own mailbox at will. So mail one way is no echo however much it is, and what that tenant
 * received counts only where this mailbox is proven to have sent it.
 */
async function pairCapReached({ db }: Tx, question: ThreadQuestion, other: Owner | undefined): Promise<boolean> {
  const { tenant, mailbox, at, caps, message } = question;
  if (other === undefined || other.mailbox === mailbox) return false;
  const between = (to: MailboxId, from: MailboxId) => {
    const counted = db
      .selectFrom("messages")
      .select("id")
      .where("mailbox", "=", to)
      .where("sender", "in", (eb) => eb.selectFrom("addresses").select("address").where("mailbox", "=", from))
      .where("received_at", ">", at - HOUR)
      .where("direction", "=", "inbound")
      .where("outcome", "in", LET_IN)
      .where("id", "!=", message)
      .limit(caps.perPair);
    return other.tenant === tenant ? counted : counted.where("verified", "=", 1);
  };
  const both = await together([between(mailbox, other.mailbox).execute(), between(other.mailbox, mailbox).execute()]);
  const [inward, outward] = [both[0].length, both[1].length];
  // Programs that answer each other take turns: neither side is ever more than one ahead.
  return inward + outward >= caps.perPair && 2 * Math.min(inward, outward) + 1 >= caps.perPair;
}
