import type { Reservation } from "../model/decision.ts";
import type { MailboxId, MessageId, ThreadId } from "../model/ids.ts";
import type { Identity } from "../model/message.ts";
import type { Limits } from "./contract.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { LedgerTable } from "./schema.ts";
import { together } from "./together.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Whom a message is charged to, how much, and when. */
export interface Charge {
  readonly message: MessageId;
  readonly mailbox: MailboxId;
  readonly sender: string;
  readonly thread: ThreadId;
  readonly tokens: number;
  readonly at: number;
}

type TokenReason = "token_budget_per_thread" | "token_budget_per_day";

export type LimitReached =
  | { readonly ledger: "rate"; readonly reason: "rate_limit_per_hour" | "rate_limit_per_day" }
  | {
      readonly ledger: "tokens";
      readonly reason: TokenReason;
      /** The estimate is over the whole budget: no wait helps. */
      readonly hopeless: boolean;
    };

/** One address however it is written; empty for all messages that prove none. */
export function senderKey(identity: Identity | undefined): string {
  return identity?.kind === "sender" ? identity.address.toLowerCase() : "";
}

/**
 * The first limit in the order of judgement (MB-12: rate, then tokens) that this charge would break; null when all hold.
 *
 * A window is (at − length, at]: an entry counts while `at` − entry < length, so one exactly an hour old no longer does.
 * Entries dated later than `at` count too: no window of that length, wherever it is laid, holds more than the limit,
 * in whatever order messages are judged.
 *
 * A budget is reached when it is spent or when this estimate does not fit into what is left of it. So a first message
 * over the whole budget is refused, and what is charged passes the limit only by what agents report afterwards.
 */
export async function limitReached(tx: Tx, charge: Charge, limits: Limits): Promise<LimitReached | null> {
  const [rate, thread, tokens] = await together([
    rateReached(tx, charge, limits),
    threadSpent(tx, charge, limits.tokensPerThread),
    daySpent(tx, charge, limits.tokensPerDay),
  ]);
  if (rate !== null) return { ledger: "rate", reason: rate };
  if (thread) return tokensReached("token_budget_per_thread", charge, limits.tokensPerThread);
  return tokens ? tokensReached("token_budget_per_day", charge, limits.tokensPerDay) : null;
}

function tokensReached(reason: TokenReason, { tokens }: Charge, limit = Infinity): LimitReached {
  return { ledger: "tokens", reason, hopeless: tokens > limit };
}

/** Charged also where the rule has no limit, so that a new policy version counts what came before it. */
export async function reserveRate(tx: Tx, charge: Charge): Promise<readonly Reservation[]> {
  await reserve(tx, charge, "rate", 1);
  return [{ ledger: "rate", scope: "sender", amount: 1 }];
}

/** One entry counts in two budgets: its thread's, and its sender's day. */
export async function reserveTokens(tx: Tx, charge: Charge): Promise<readonly Reservation[]> {
  await reserve(tx, charge, "tokens", charge.tokens);
  return [
    { ledger: "tokens", scope: "thread", amount: charge.tokens },
    { ledger: "tokens", scope: "sender", amount: charge.tokens },
  ];
}

/** Puts what was really consumed in place of the estimate; the entry keeps its time. */
export async function settleTokens({ db }: Tx, message: MessageId, amount: number): Promise<void> {
  await db.updateTable("ledger").set({ amount }).where("message", "=", message).where("ledger", "=", "tokens").execute();
}

// Idempotent by (ledger, message): a second reservation finds the first and changes nothing.
async function reserve(tx: Tx, charge: Charge, ledger: "rate" | "tokens", amount: number): Promise<void> {
  const { message, mailbox, sender, thread, at } = charge;
  await tx.later(insertReservation, { message, ledger, mailbox, sender, thread, amount, at });
}

const insertReservation = once((db, row: LedgerTable) =>
  db
    .insertInto("ledger")
    .values(row)
    .onConflict((conflict) => conflict.columns(["message", "ledger"]).doNothing()),
);

type RateReason = (LimitReached & { ledger: "rate" })["reason"];

async function rateReached({ db }: Tx, { mailbox, sender, at }: Charge, { perHour, perDay }: Limits): Promise<RateReason | null> {
  if (perHour === undefined && perDay === undefined) return null;
  const windows = { hour: at - HOUR, all: at - (perDay === undefined ? HOUR : DAY) };
  const [row] = await countRate(db, { mailbox, sender, ...windows, limit: Math.max(perHour ?? 0, perDay ?? 0) });
  if (Number(row?.hour) >= (perHour ?? Infinity)) return "rate_limit_per_hour";
  return Number(row?.all) >= (perDay ?? Infinity) ? "rate_limit_per_day" : null;
}

interface RateWindows {
  readonly mailbox: MailboxId;
  readonly sender: string;
  readonly hour: number;
  /** The longest that counts. */
  readonly all: number;
  readonly limit: number;
}

// Newest first, so that the hour is among what is counted; counting stops at the larger limit, as a sender without one may have
// left any number of entries. The order also names the index: a planner that knows nothing of the table yet, or of this
// mailbox, may else read all of the mailbox's, and a transaction that has read an entry is in the way of whoever writes one.
const countRate = once((db, given: RateWindows) =>
  db
    .selectFrom(
      entriesOfSender(db, "rate", { ...given, after: given.all })
        .limit(given.limit)
        .as("counted"),
    )
    .select((eb) => [eb.fn.countAll<number>().filterWhere("counted.at", ">", given.hour).as("hour"), eb.fn.countAll<number>().as("all")]),
);

function entriesOfSender(db: Tx["db"], ledger: "rate" | "tokens", given: { mailbox: MailboxId; sender: string; after: number }) {
  return db
    .selectFrom("ledger")
    .select(["at", "amount"])
    .where("ledger", "=", ledger)
    .where("mailbox", "=", given.mailbox)
    .where("sender", "=", given.sender)
    .where("at", ">", given.after)
    .orderBy("at", "desc");
}

async function threadSpent({ db }: Tx, { mailbox, thread, tokens }: Charge, limit: number | undefined): Promise<boolean> {
  if (limit === undefined) return false;
  const [row] = await sumOfThread(db, { mailbox, thread });
  return doesNotFit(Number(row?.spent ?? 0), tokens, limit);
}

const sumOfThread = once((db, given: { mailbox: MailboxId; thread: ThreadId }) =>
  db
    .selectFrom("ledger")
    .select((eb) => eb.fn.sum<number | null>("amount").as("spent"))
    .where("ledger", "=", "tokens")
    .where("mailbox", "=", given.mailbox)
    .where("thread", "=", given.thread),
);

async function daySpent({ db }: Tx, { mailbox, sender, tokens, at }: Charge, limit: number | undefined): Promise<boolean> {
  if (limit === undefined) return false;
  const [row] = await sumOfSender(db, { mailbox, sender, after: at - DAY });
  return doesNotFit(Number(row?.spent ?? 0), tokens, limit);
}

const sumOfSender = once((db, given: { mailbox: MailboxId; sender: string; after: number }) =>
  db.selectFrom(entriesOfSender(db, "tokens", given).as("counted")).select((eb) => eb.fn.sum<number | null>("counted.amount").as("spent")),
);

// The first half is for an estimate of nothing: a spent budget refuses that too.
function doesNotFit(spent: number, tokens: number, limit: number): boolean {
  return spent >= limit || spent + tokens > limit;
}
