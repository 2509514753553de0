import { channelKey, type Channel } from "../model/channel.ts";
import type { DispatchId } from "../model/ids.ts";
import { tell } from "./channel-audit.ts";
import type { DispatchAttempt, DispatchRow, WebhookRow } from "./contract-channels.ts";
import { findMailbox } from "./mailboxes.ts";
import { findMessageFor } from "./messages.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { DispatchesTable } from "./schema.ts";
import { stoppedBy } from "./stopped.ts";
import { together } from "./together.ts";
import { findWebhook } from "./webhooks.ts";

/** A grant older than this is over (GRANT_SECONDS): a replay carries another. */
const GRANT_MS = 24 * 3_600_000;

/** Deliveries of one message: one a channel. */
const MOST_OF_MESSAGE = 100;

export const dispatches = {
  "dispatches.get": {
    kind: "read",
    async run(tx, { tenant, id }) {
      const row = await find(tx, tenant, id);
      return row === undefined ? null : dispatchRow(row);
    },
  },

  "dispatches.of_message": {
    kind: "read",
    async run({ db }, { tenant, message }) {
      const query = db.selectFrom("dispatches").selectAll().where("tenant", "=", tenant).where("message", "=", message);
      return (await query.orderBy("id").limit(MOST_OF_MESSAGE).execute()).map(dispatchRow);
    },
  },

  "dispatches.list": {
    kind: "read",
    async run({ db }, args) {
      const size = pageSize(args);
      let query = db.selectFrom("dispatches").selectAll().where("tenant", "=", args.tenant);
      query = "webhook" in args.of ? query.where("webhook", "=", args.of.webhook) : query.where("mailbox", "=", args.of.mailbox);
      if (args.state !== undefined) query = query.where("state", "=", args.state);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), "<", tuple(at, id as DispatchId)));
      }
      const rows = await query
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(rows, size, (row) => ({ at: row.created_at, id: row.id }), dispatchRow);
    },
  },

  "dispatches.due": {
    kind: "read",
    async run(tx, { tenant, id, at }) {
      const row = await find(tx, tenant, id);
      if (row === undefined) return null;
      const [mailbox, message, webhook] = await together([
        findMailbox(tx, { tenant, id: row.mailbox }),
        findMessageFor(tx, { tenant, id: row.message, view: "agent" }),
        row.webhook === null ? null : findWebhook(tx, { tenant, id: row.webhook }),
      ]);
      if (mailbox === null) return null;
      const dispatch = dispatchRow(row);
      const stopped = await stoppedBy(tx, { tenant, mailbox: mailbox.id, agent_id: mailbox.agent_id });
      return {
        dispatch,
        agent_id: mailbox.agent_id,
        message,
        has_channel: mailbox.channels.some((channel) => channelKey(channel) === channelKey(dispatch.channel)),
        stopped: stopped !== null,
        webhook: withLiveSecrets(webhook, at),
      };
    },
  },

  "dispatches.attempted": {
    kind: "write",
    async run(tx, attempt) {
      const { tenant, id } = attempt;
      const row = await find(tx, tenant, id);
      if (row === undefined || row.state !== "pending") return row === undefined ? null : dispatchRow(row);
      const { state, reason, status, at } = attempt;
      const ended_at = state === "pending" ? null : at;
      const change = { state, reason, status, attempted_at: at, ended_at, attempts: row.attempts + 1 };
      await tx.later(updateAttempted, { ...change, id });
      if (state === "dead") await tellDead(tx, row, attempt);
      return dispatchRow({ ...row, ...change });
    },
  },

  "dispatches.replay": {
    kind: "write",
    async run(tx, { tenant, id, ...by }) {
      const row = await find(tx, tenant, id);
      if (row === undefined || row.state === "pending") return row === undefined ? null : dispatchRow(row);
      const minted_at = by.at - row.minted_at >= GRANT_MS ? by.at : row.minted_at;
      const change = { state: "pending", reason: null, status: null, attempts: 0, due_at: by.at, minted_at, ended_at: null } as const;
      await tx.db.updateTable("dispatches").set(change).where("id", "=", id).execute();
      const facts = { dispatch: id, channel: row.kind, was: row.state };
      await tell(tx, tenant, by, { action: "dispatch.replayed", message: row.message, mailbox: row.mailbox, facts });
      return dispatchRow({ ...row, ...change });
    },
  },

  "dispatches.pending_after": {
    kind: "read",
    async run({ db }, { after, before, limit }) {
      const query = db.selectFrom("dispatches").select(["tenant", "id"]).where("state", "=", "pending").where("due_at", "<", before);
      return (after === null ? query : query.where("id", ">", after)).orderBy("id").limit(limit).execute();
    },
  },

  "dispatches.prune": {
    kind: "write",
    async run({ db }, { before, limit }) {
      const old = db
        .selectFrom("dispatches")
        .select("id")
        .where("state", "<>", "pending")
        .where("created_at", "<", before)
        .orderBy("created_at")
        .limit(limit);
      return (await db.deleteFrom("dispatches").where("id", "in", old).returning("id").execute()).length;
    },
  },
} satisfies OperationsOf<"dispatches">;

type Attempted = Pick<DispatchesTable, "id" | "state" | "reason" | "status" | "attempted_at" | "ended_at" | "attempts">;

const updateAttempted = once((db, { id, ...change }: Attempted) => db.updateTable("dispatches").set(change).where("id", "=", id));

function find({ db }: Tx, tenant: DispatchesTable["tenant"], id: DispatchId): Promise<DispatchesTable | undefined> {
  return db.selectFrom("dispatches").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
}

function withLiveSecrets(row: WebhookRow | null, at: number): WebhookRow | null {
  if (row === null) return null;
  return { ...row, secrets: row.secrets.filter(({ expires_at }) => expires_at === null || expires_at > at) };
}

async function tellDead(tx: Tx, { message, mailbox, kind, attempts }: DispatchesTable, attempt: DispatchAttempt): Promise<void> {
  const { tenant, id, reason, status } = attempt;
  const facts = { dispatch: id, channel: kind, reason, status, attempts: attempts + 1 };
  await tell(tx, tenant, { ...attempt, actor: "postern" }, { action: "dispatch.dead", message, mailbox, facts });
}

function dispatchRow(found: DispatchesTable): DispatchRow {
  const { kind: _, webhook: __, channel_json, ...row } = found;
  return { ...row, channel: JSON.parse(channel_json) as Channel };
}
