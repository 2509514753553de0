import type { DraftId, MailboxId, TenantId } from "../model/ids.ts";
import type { SendCaps, SendWindows } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { SendsTable } from "./schema.ts";
import { together } from "./together.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** No window holds so many, and SQLite can still count to it. */
const MOST = 1_000_000_000;

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
  const limit = Math.min(Math.max(caps.perHour, caps.perDay), MOST) + 1;
  const windows = { mailbox: sender.mailbox, hour: at - HOUR, day: at - DAY };
  const [own, [row]] = await together([ownReservation(tx, sender.draft), countSome(tx.db, { ...windows, limit })]);
  const used = withoutOwn(row, own, at);
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
  const windows = { mailbox, hour: at - HOUR, day: at - DAY };
  const [own, [row]] = await together([ownReservation(tx, draft), countAll(tx.db, windows)]);
  return withoutOwn(row, own, at);
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

/** Both windows at one look; the hour is the newest part of the day. */
interface Windows {
  readonly mailbox: MailboxId;
  readonly hour: number;
  readonly day: number;
}

// Counting stops at the larger cap, the newest first.
const countSome = once((db, given: Windows & { limit: number }) =>
  db
    .selectFrom(
      db
        .selectFrom("sends")
        .select("at")
        .where("mailbox", "=", given.mailbox)
        .where("at", ">", given.day)
        .orderBy("at", "desc")
        .limit(given.limit)
        .as("counted"),
    )
    .select((eb) => [eb.fn.countAll<number>().filterWhere("counted.at", ">", given.hour).as("hour"), eb.fn.countAll<number>().as("day")]),
);

const countAll = once((db, given: Windows) =>
  db
    .selectFrom("sends")
    .select((eb) => [eb.fn.countAll<number>().filterWhere("at", ">", given.hour).as("hour"), eb.fn.countAll<number>().as("day")])
    .where("mailbox", "=", given.mailbox)
    .where("at", ">", given.day),
);

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
