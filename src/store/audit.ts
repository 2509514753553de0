import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Envelope } from "../model/message.ts";
import type { HoldId } from "../model/hold.ts";
import { makeId, type Id, type KeyId, type MessageId, type TenantId } from "../model/ids.ts";
import type { DraftState } from "../model/outbound.ts";
import { actionLeaf, decisionLeaf, type DecisionFacts, type Leaf } from "../audit/leaf.ts";
import type { AuditListed, AuditQuestion, AuditRow, NewAuditEntry, PageArgs } from "./contract.ts";
import type { Fresh } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { AuditEntriesTable, AuditPrivateTable } from "./schema.ts";

const DAY = 86_400_000;

/** Entries of one message in one answer. */
const MOST = 1000;

export const audit = {
  // The id is the caller's, so a repeated call appends nothing.
  "audit.append": {
    kind: "write",
    async run(tx, entry) {
      const known = await tx.db.selectFrom("audit_entries").select("id").where("id", "=", entry.id).executeTakeFirst();
      if (known === undefined) await appendAction(tx, entry);
      return null;
    },
  },

  "audit.list": {
    kind: "read",
    async run(tx, args) {
      const size = pageSize(args);
      const rows = await selectListed(tx, args, size + 1);
      const masked = await maskedKeys(tx, args.tenant, rows.slice(0, size));
      return toPage(
        rows,
        size,
        (row) => row,
        (row) => listedRow(row, masked),
      );
    },
  },

  "audit.of_message": {
    kind: "read",
    async run({ db }, { tenant, message }) {
      const rows = await db
        .selectFrom("audit_entries")
        .leftJoin("audit_private", "audit_private.entry", "audit_entries.id")
        .select(["id", "tenant", "at", "leaf", "leaf_hash", "details_json"])
        .where("tenant", "=", tenant)
        .where("message", "=", message)
        .orderBy("at")
        .orderBy("id")
        .limit(MOST)
        .execute();
      return rows.map(auditRow);
    },
  },

  "audit.erase_expired": {
    kind: "write",
    async run(tx, { now, limit }) {
      const notes = await eraseNotes(tx, now, limit);
      const rows = await tx.db
        .selectFrom("audit_private")
        .select("entry")
        .where("expires_at", "<=", now)
        .orderBy("expires_at")
        .limit(limit)
        .execute();
      if (rows.length === 0) return notes;
      const entries = rows.map((row) => row.entry);
      await tx.db.deleteFrom("audit_private").where("entry", "in", entries).execute();
      await forgetUnwanted(tx, entries);
      return rows.length + notes;
    },
  },
} satisfies OperationsOf<"audit">;

/** What is erased when its time is over. */
export interface PrivateDetails {
  readonly salt: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retentionDays: number;
}

/** INVARIANT (DESIGN §9.8): called once per final decision, in its transaction; a deferral has no entry. */
export async function appendDecision(tx: Tx, facts: DecisionFacts, kept: PrivateDetails): Promise<void> {
  const { id, tenant, decision } = facts;
  const at = Date.parse(decision.at);
  const { message, id: of } = decision;
  const entry = { id, tenant, message, mailbox: facts.mailbox, action: "decision", decision: of, at } as const;
  await append(tx, { ...entry, ...decisionLeaf(facts, kept.salt) }, kept);
}

/**
 * An entry that stands alone, in the transaction of what it tells of: an attempt, a reminder, a change of mode, a stop.
 * `facts` are for ever and hold no personal data: no address, no reason in a person's words; those are `details`.
 */
export async function appendAction(tx: Tx, { details, salt, retentionDays, ...facts }: NewAuditEntry): Promise<void> {
  const { id, tenant, at, action, message, mailbox } = facts;
  await append(tx, { id, tenant, message, mailbox, action, decision: null, at, ...actionLeaf(facts) }, { salt, details, retentionDays });
}

/** For entries that no policy gives a time to (a mode, a suppression, a domain): days. */
export const STANDARD_RETENTION_DAYS = 90;

/** Names for one more entry of the same operation, the same however often it is run. */
export function nextEntry({ audit_id, salt }: Fresh): Fresh {
  return { audit_id: makeId("aud", digest(audit_id).subarray(0, 16)), salt: digest(salt).toString("hex") };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Details of a message's decision: who wrote, from where, about what. */
export function messageDetails(envelope: Partial<Envelope>, from: string | null, subject: string): Record<string, unknown> {
  return { envelope, from, subject };
}

const insertEntry = once((db, row: AuditEntriesTable) => db.insertInto("audit_entries").values(row));
const insertPrivate = once((db, row: AuditPrivateTable) => db.insertInto("audit_private").values(row));

async function append(tx: Tx, entry: AuditEntriesTable & Leaf, { salt, details, retentionDays }: PrivateDetails): Promise<void> {
  await tx.later(insertEntry, entry);
  const row = { entry: entry.id, salt, details_json: JSON.stringify(details), expires_at: entry.at + retentionDays * DAY };
  await tx.later(insertPrivate, row);
}

/** What people said when they decided. */
async function eraseNotes({ db }: Tx, now: number, limit: number): Promise<number> {
  const expired = db.selectFrom("hold_notes").select("nonce").where("expires_at", "<=", now).orderBy("expires_at").limit(limit);
  const rows = await db.deleteFrom("hold_notes").where("nonce", "in", expired).returning("nonce").execute();
  return rows.length;
}

/**
 * The other traces of mail that nobody was given (refused, dropped) or that never went out: their rows would otherwise keep
 * for ever what the entry has forgotten. Ids, digests, hashes, outcomes and decisions stay.
 */
async function forgetUnwanted(tx: Tx, entries: readonly Id<"aud">[]): Promise<void> {
  await forgetMessages(tx, entries);
  await forgetDrafts(tx, entries);
}

async function forgetMessages({ db }: Tx, entries: readonly Id<"aud">[]): Promise<void> {
  const found = await db.selectFrom("messages").select("id").where("keeps_raw", "=", 0).where("id", "in", namedIn(db, entries)).execute();
  if (found.length === 0) return;
  const ids = found.map((row) => row.id);
  const blank = { from_address: null, sender: "", envelope_sender: "", recipient: "", subject: "", rfc_message_id: null, facts_json: null };
  await db.updateTable("messages").set(blank).where("id", "in", ids).execute();
  await db.deleteFrom("receipts").where("message", "in", ids).execute();
  await db.deleteFrom("ledger").where("message", "in", ids).execute();
  await forgetHolds(db, ids);
}

/** Drafts that came to nothing. What failed was offered to somebody, and is kept like mail that was sent. */
const UNSENT: readonly DraftState[] = ["blocked", "rejected", "expired", "cancelled"];

async function forgetDrafts(tx: Tx, entries: readonly Id<"aud">[]): Promise<void> {
  const { db } = tx;
  const found = await db
    .selectFrom("drafts")
    .select("id")
    .where("state", "in", UNSENT)
    .where("message", "in", namedIn(db, entries))
    .execute();
  if (found.length === 0) return;
  const ids = found.map((row) => row.id);
  const blank = { envelope_sender: "", recipients_json: "[]", subject: "", rfc_message_id: "" };
  await db.updateTable("revisions").set(blank).where("draft", "in", ids).execute();
  await db.deleteFrom("deliveries").where("draft", "in", ids).execute();
  // Nor does whoever has kept what was read of them.
  for (const id of ids) tx.touch(`draft:${id}`);
  await forgetHolds(db, ids);
}

async function forgetHolds(db: Tx["db"], ids: readonly HoldId[]): Promise<void> {
  await db.updateTable("holds").set({ subject: "", to_json: "[]", from_address: null }).where("id", "in", ids).execute();
}

function namedIn(db: Tx["db"], entries: readonly Id<"aud">[]) {
  return db.selectFrom("audit_entries").select("message").$narrowType<{ message: MessageId }>().where("id", "in", entries);
}

/** INVARIANT: every filter is served by an index that is in the order of the page. */
function selectListed({ db }: Tx, { tenant, mailbox, action, since, until, cursor }: AuditQuestion & PageArgs, limit: number) {
  let query = db
    .selectFrom("audit_entries")
    .leftJoin("audit_private", "audit_private.entry", "audit_entries.id")
    .select(["id", "tenant", "at", "leaf", "leaf_hash", "details_json", "message", "mailbox", "action"])
    .where("tenant", "=", tenant);
  if (mailbox !== undefined) query = query.where("mailbox", "=", mailbox);
  if (action !== undefined) query = query.where("action", "=", action);
  // Says so as the index says it, which a bound value does not.
  if (action !== undefined && action !== "decision") query = query.where("action", "<>", sql.lit("decision" as const));
  if (since !== undefined) query = query.where("at", ">=", since);
  if (until !== undefined) query = query.where("at", "<", until);
  if (cursor !== undefined) {
    const { at, id } = parseCursor(cursor);
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("at", "id"), "<", tuple(at, id as Id<"aud">)));
  }
  return query.orderBy("at", "desc").orderBy("id", "desc").limit(limit).execute();
}

type Selected = Awaited<ReturnType<typeof selectListed>>[number];

/** MM-17: how the keys that acted may be shown, by the name of the actor. */
async function maskedKeys({ db }: Tx, tenant: TenantId, rows: readonly Selected[]): Promise<ReadonlyMap<string, string>> {
  const actors = new Set(rows.map(actorOf).filter((actor) => actor.startsWith(KEY)));
  if (actors.size === 0) return new Map();
  const ids = [...actors].map((actor) => actor.slice(KEY.length) as KeyId);
  const keys = await db.selectFrom("keys").select(["id", "masked"]).where("tenant", "=", tenant).where("id", "in", ids).execute();
  return new Map(keys.map(({ id, masked }) => [`${KEY}${id}`, masked]));
}

const KEY = "key:";

function actorOf({ leaf }: Pick<Selected, "leaf">): string {
  return (JSON.parse(leaf) as { readonly actor: string }).actor;
}

function listedRow({ message, mailbox, action, ...row }: Selected, masked: ReadonlyMap<string, string>): AuditListed {
  const actor = actorOf(row);
  return { ...auditRow(row), message, mailbox, action, actor, key: masked.get(actor) ?? null };
}

function auditRow(row: Pick<AuditEntriesTable, "id" | "tenant" | "at" | "leaf" | "leaf_hash"> & { details_json: string | null }): AuditRow {
  const { details_json, ...entry } = row;
  return { ...entry, details: details_json === null ? null : (JSON.parse(details_json) as Record<string, unknown>) };
}
