import { sql } from "kysely";
import type { DraftId, MailboxId, TenantId } from "../model/ids.ts";
import type { SendCaps, SendWindows } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { SendsTable } from "./schema.ts";
import { together } from "./together.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type CapReason = "send_limit_per_hour" | "send_limit_per_day";

/** `free_at`: when the mailbox may send one more, if it sends nothing until then. Epoch ms. */
interface CapReached {
  readonly reason: CapReason;
  readonly free_at: number;
}

/** A mailbox, and the draft whose own reservation does not count against it. */
export interface Sender {
  readonly mailbox: MailboxId;
  readonly draft: DraftId | null;
}

/**
 * The cap that one more message at `at` would break; null when both hold (NY-13).
 *
 * A window is (at − length, at], as in the ledger; reservations dated later than `at` count too. So no window of that
 * length, wherever it is laid, holds more than the cap, in whatever order drafts are screened and dated again.
 */
export async function capReached(tx: Tx, sender: Sender, caps: SendCaps, at: number): Promise<CapReached | null> {
  const used = await sendsWithin(tx, sender, at);
  const [hour, day] = [used.lastHour >= caps.perHour, used.lastDay >= caps.perDay];
  if (!hour && !day) return null;
  const free = Math.max(
    hour ? await freeAt(tx, sender, caps.perHour, HOUR, at) : at,
    day ? await freeAt(tx, sender, caps.perDay, DAY, at) : at,
  );
  return { reason: hour ? "send_limit_per_hour" : "send_limit_per_day", free_at: free };
}

/** Both windows as they are at `at`. */
export async function sendWindows(tx: Tx, sender: Sender, caps: SendCaps, at: number): Promise<SendWindows> {
  const { lastHour, lastDay } = await sendsWithin(tx, sender, at);
  const free = async (used: number, cap: number, window: number) => (used < cap ? at : freeAt(tx, sender, cap, window, at));
  return {
    hour: { used: lastHour, free_at: await free(lastHour, caps.perHour, HOUR) },
    day: { used: lastDay, free_at: await free(lastDay, caps.perDay, DAY) },
  };
}

/** How many messages of the mailbox each window holds, without the draft's own. */
export async function sendsWithin(tx: Tx, { mailbox, draft }: Sender, at: number): Promise<{ lastHour: number; lastDay: number }> {
  const [own, [row]] = await together([ownReservation(tx, draft), countWindows(tx.db, windowsAt(mailbox, at))]);
  return withoutOwn(row, own, at);
}

/** A window begins after its `start`: in the minute that ends at `end`, with number `minute` since the epoch. */
function windowsAt(mailbox: MailboxId, at: number): Windows {
  const [hour, day] = [at - HOUR, at - DAY];
  const [hour_minute, day_minute] = [Math.floor(hour / MINUTE), Math.floor(day / MINUTE)];
  const ends = { hour_end: (hour_minute + 1) * MINUTE, day_end: (day_minute + 1) * MINUTE };
  return { mailbox, hour, day, hour_minute, day_minute, ...ends };
}

interface Counted {
  readonly hour: number | string | bigint;
  readonly day: number | string | bigint;
}

function withoutOwn(row: Counted | undefined, own: number | null, at: number): { lastHour: number; lastDay: number } {
  const others = (count: Counted["day"] | undefined, window: number): number => Number(count) - (own !== null && own > at - window ? 1 : 0);
  return { lastHour: others(row?.hour, HOUR), lastDay: others(row?.day, DAY) };
}

const upsertReservation = once((db, row: SendsTable) =>
  db
    .insertInto("sends")
    .values(row)
    .onConflict((conflict) => conflict.column("draft").doUpdateSet({ at: row.at })),
);

/** One row a draft: a second reservation only dates the first anew. INVARIANT: `capReached` said null in this transaction. */
export async function reserveSend(tx: Tx, row: { tenant: TenantId; mailbox: MailboxId; draft: DraftId; at: number }): Promise<void> {
  const { tenant, mailbox, draft, at } = row;
  await tx.later(upsertReservation, { draft, tenant, mailbox, at });
}

const selectOwn = once((db, given: { draft: DraftId }) => db.selectFrom("sends").select("at").where("draft", "=", given.draft));

async function ownReservation({ db }: Tx, draft: DraftId | null): Promise<number | null> {
  if (draft === null) return null;
  const [row] = await selectOwn(db, { draft });
  return row?.at ?? null;
}

type Window = "hour" | "day";

interface Windows extends Readonly<Record<Window | `${Window}_end` | `${Window}_minute`, number>> {
  readonly mailbox: MailboxId;
}

/** By the minute, but for the one in which a window begins: a busy mailbox sends tens of thousands a day. */
const countWindows = once((db, given: Windows) => {
  const within = (window: Window) => {
    const begun = db
      .selectFrom("sends")
      .select(({ fn }) => fn.countAll<number>().as("number"))
      .where("mailbox", "=", given.mailbox)
      .where("at", ">", given[window])
      .where("at", "<", given[`${window}_end`]);
    const whole = db
      .selectFrom("sends_by_minute")
      .select(({ fn, lit }) => fn.coalesce(fn.sum<number>("number"), lit(0)).as("number"))
      .where("mailbox", "=", given.mailbox)
      .where("minute", ">", given[`${window}_minute`]);
    return sql<Counted[Window]>`${begun} + ${whole}`;
  };
  return db.selectNoFrom([within("hour").as("hour"), within("day").as("day")]);
});

/** When the newest `cap` reservations of others are one fewer. A cap of nothing is never free; who waits looks again in a day. */
async function freeAt({ db }: Tx, { mailbox, draft }: Sender, cap: number, window: number, at: number): Promise<number> {
  if (cap < 1) return at + DAY;
  let others = db.selectFrom("sends").select("at").where("mailbox", "=", mailbox);
  if (draft !== null) others = others.where("draft", "!=", draft);
  const row = await others
    .orderBy("at", "desc")
    .offset(cap - 1)
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? at : row.at + window;
}
