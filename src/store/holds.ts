import { sql } from "kysely";
import type { HoldActor, HoldId } from "../model/hold.ts";
import type { KeyId, MailboxId } from "../model/ids.ts";
import { PosternError } from "../model/errors.ts";
import { attempts, earlierAnswer, readable, recordAttempt } from "./attempts.ts";
import type { Args } from "./contract.ts";
import type { HoldRow } from "./contract-outbound.ts";
import { findOrOpenHeld } from "./held.ts";
import { judge } from "./hold-judge.ts";
import { ring } from "./hold-timers.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { HoldsTable } from "./schema.ts";

export const holds = {
  ...attempts,

  "holds.get": {
    kind: "read",
    async run({ db }, { tenant, id }) {
      const row = await db.selectFrom("holds").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      if (row === undefined) return null;
      return holdRow(row, await approvalsOf(db, [id]));
    },
  },

  "holds.list": {
    kind: "read",
    async run({ db }, args) {
      const size = pageSize(args);
      const places = await placesOf(db, args, size + 1);
      const ids = places.slice(0, size).map(({ id }) => id);
      const found = new Map((await rowsOf(db, ids)).map((row) => [row.id, row]));
      const approvals = await approvalsOf(db, ids);
      return toPage(
        places,
        size,
        ({ created_at, id }) => ({ at: created_at, id }),
        ({ id }) => holdRow(found.get(id)!, approvals),
      );
    },
  },

  // INVARIANT: the only place where an attempt counts. Whatever it comes to is recorded in the same transaction.
  "holds.decide": {
    kind: "write",
    async run(tx, given) {
      const attempt = readable(given);
      const earlier = await earlierAnswer(tx, attempt);
      if (earlier !== null) return earlier;
      const answer = await judge(tx, attempt);
      await recordAttempt(tx, attempt, answer);
      return answer;
    },
  },

  "holds.timer": {
    kind: "write",
    async run(tx, timer) {
      const held = await findOrOpenHeld(tx, timer.tenant, timer.hold, timer.at);
      if (held === null) throw new PosternError("not_found", "there is no such hold");
      return { status: await ring(tx, held, timer) };
    },
  },
} satisfies OperationsOf<"holds">;

type Db = Tx["db"];
type Wanted = Args<"holds.list">;

type Place = Pick<HoldsTable, "id" | "created_at">;

/** Mailboxes of a bound key that are asked one by one: more would cost more than passing over those of others. */
const MOST_ASKED = 50;

/** Newest first, found in an index alone, so that a page costs the same however many wait. */
async function placesOf(db: Db, { mailbox, mailboxes, ...args }: Wanted, limit: number): Promise<Place[]> {
  if (mailboxes === undefined || mailboxes.length > MOST_ASKED) {
    const query = placesFrom(db, args, mailbox);
    return (mailboxes === undefined ? query : query.where(among(mailboxes))).limit(limit).execute();
  }
  const asked = mailboxes.filter((id) => mailbox === undefined || id === mailbox);
  const places: Place[] = [];
  for (const id of new Set(asked)) places.push(...(await placesFrom(db, args, id).limit(limit).execute()));
  return places.toSorted(newestFirst).slice(0, limit);
}

/** As the database orders them: ids are ASCII. */
function newestFirst(one: Place, other: Place): number {
  if (one.created_at !== other.created_at) return other.created_at - one.created_at;
  return one.id < other.id ? 1 : -1;
}

function placesFrom(db: Db, args: Omit<Wanted, "mailbox" | "mailboxes">, mailbox: MailboxId | undefined) {
  let query = db
    .selectFrom("holds")
    .select(["id", "created_at"])
    .where("tenant", "=", args.tenant)
    .where("status", "=", args.status ?? "waiting");
  if (mailbox !== undefined) query = query.where("mailbox", "=", mailbox);
  if (args.direction !== undefined) query = query.where("direction", "=", args.direction);
  if (args.cursor !== undefined) {
    const { at, id } = parseCursor(args.cursor);
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), "<", tuple(at, id as HoldId)));
  }
  return query.orderBy("created_at", "desc").orderBy("id", "desc");
}

/** As an expression, so that the order of the list stays that of an index: by mailbox it would have to be sorted first. */
function among(mailboxes: readonly MailboxId[]) {
  return sql<boolean>`mailbox || '' in (${sql.join([...mailboxes])})`;
}

async function rowsOf(db: Db, ids: readonly HoldId[]): Promise<HoldsTable[]> {
  return ids.length === 0 ? [] : db.selectFrom("holds").selectAll().where("id", "in", ids).execute();
}

interface Approvals extends Pick<HoldsTable, "id"> {
  readonly actor: HoldActor;
  readonly content_hash: string;
}

async function approvalsOf(db: Db, ids: readonly HoldId[]): Promise<readonly Approvals[]> {
  if (ids.length === 0) return [];
  return db
    .selectFrom("approvals")
    .select(["hold as id", "actor", "content_hash"])
    .where("hold", "in", ids)
    .orderBy("hold")
    .orderBy("actor")
    .execute();
}

function holdRow(row: HoldsTable, approvals: readonly Approvals[]): HoldRow {
  const { id, content_hash } = row;
  return {
    id,
    tenant: row.tenant,
    mailbox: row.mailbox,
    direction: row.direction,
    kind: row.kind,
    status: row.status,
    reason: row.reason,
    subject: row.subject,
    to: JSON.parse(row.to_json) as string[],
    from: row.from_address,
    revision: row.revision,
    content_hash,
    author: row.author,
    approvers: JSON.parse(row.approvers_json) as KeyId[],
    quorum: row.quorum,
    approved_by: approvals.filter((approval) => approval.id === id && approval.content_hash === content_hash).map(({ actor }) => actor),
    trust_namespace: row.trust_namespace === 1,
    times: { remind_at: row.remind_at, escalate_at: row.escalate_at, expires_at: row.expires_at },
    reminded_at: row.reminded_at,
    escalated_at: row.escalated_at,
    created_at: row.created_at,
    decided_at: row.decided_at,
  };
}
