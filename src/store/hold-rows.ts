import type { HoldActor, HoldId } from "../model/hold.ts";
import type { HoldRules, HoldState } from "../model/hold-state.ts";
import type { KeyId, MailboxId, TenantId } from "../model/ids.ts";
import type { Scope } from "./contract.ts";
import type { NewHold } from "./contract-outbound.ts";
import type { Tx } from "./operation.ts";
import type { HoldsTable, KeysTable } from "./schema.ts";

/** What begins to wait, and on which terms. */
export interface HoldOpening extends Pick<
  HoldsTable,
  "id" | "tenant" | "mailbox" | "direction" | "kind" | "reason" | "subject" | "revision" | "content_hash" | "author"
> {
  /** Of a draft everybody it would go to, however they are named. */
  readonly to: readonly string[];
  readonly from: string | null;
  readonly terms: NewHold;
  readonly at: number;
}

export async function insertHold(tx: Tx, { to, from, terms, at, ...hold }: HoldOpening): Promise<void> {
  const row: HoldsTable = {
    ...hold,
    ...termsOf(terms),
    status: "waiting",
    to_json: JSON.stringify(to),
    from_address: from,
    reminded_at: null,
    escalated_at: null,
    created_at: at,
    decided_at: null,
  };
  await tx.db.insertInto("holds").values(row).execute();
  touchHold(tx, hold);
}

/** Another round of a draft's hold, on today's terms. INVARIANT: what was approved in an earlier round is approved no more. */
export async function reopenHold(tx: Tx, hold: Pick<HoldsTable, "id" | "tenant" | "reason">, terms: NewHold): Promise<void> {
  const { id, tenant, reason } = hold;
  await tx.db.deleteFrom("approvals").where("hold", "=", id).execute();
  await tx.db
    .updateTable("holds")
    .set({ ...termsOf(terms), status: "waiting", reason, reminded_at: null, escalated_at: null, decided_at: null })
    .where("id", "=", id)
    .where("tenant", "=", tenant)
    .execute();
  touchHold(tx, hold);
}

/** Wakes who watches the list of what waits, and who watches the draft. */
export function touchHold(tx: Tx, { id, tenant }: Pick<HoldsTable, "id" | "tenant">): void {
  tx.touch(`pending:${tenant}`);
  if (id.startsWith("drf_")) tx.touch(`draft:${id}`);
}

/** As the state machine sees it (model/hold-state.ts). */
export async function holdState({ db }: Tx, tenant: TenantId, id: HoldId): Promise<HoldState | null> {
  const row = await db
    .selectFrom("holds")
    .leftJoin("revisions", (join) => join.onRef("revisions.draft", "=", "holds.id").on("revisions.number", "=", 1))
    .selectAll("holds")
    .select("revisions.author as writer")
    .where("holds.tenant", "=", tenant)
    .where("holds.id", "=", id)
    .executeTakeFirst();
  if (row === undefined) return null;
  const approvals = await db.selectFrom("approvals").select(["actor", "content_hash"]).where("hold", "=", id).orderBy("at").execute();
  return {
    kind: row.kind,
    status: row.status,
    revision: row.revision,
    content_hash: row.content_hash,
    writer: row.writer,
    author: row.author,
    approvals,
    reminded: row.reminded_at !== null,
    escalated: row.escalated_at !== null,
    expires_at: row.expires_at,
  };
}

/** The documents' word on who may decide: the terms in force, not those when the hold was made. */
export type HoldTerms = Pick<NewHold, "approvers" | "quorum" | "trust_namespace">;

/** What `actors` may do about a hold of this mailbox, by their keys as of now. */
export async function holdRules(
  { db }: Tx,
  place: { readonly tenant: TenantId; readonly mailbox: MailboxId; readonly direction: "inbound" | "outbound" },
  terms: HoldTerms,
  actors: readonly HoldActor[],
): Promise<HoldRules> {
  const ids = actors.filter((actor): actor is KeyId => actor !== "namespace");
  const found =
    ids.length === 0 ? [] : await db.selectFrom("keys").selectAll().where("tenant", "=", place.tenant).where("id", "in", ids).execute();
  const keys = found.map(readKey);
  const seeing = keys.filter(({ revoked, mailboxes }) => !revoked && (mailboxes === null || mailboxes.includes(place.mailbox)));
  const deciding: readonly Scope[] = place.direction === "inbound" ? ["oversight", "admin"] : ["oversight"];
  const named = ({ id }: { id: KeyId }): boolean => terms.approvers.length === 0 || terms.approvers.includes(id);
  const idsWith = (scopes: readonly Scope[]) => seeing.filter((key) => scopes.some((scope) => key.scopes.includes(scope)));
  return {
    quorum: terms.quorum,
    trust_namespace: terms.trust_namespace,
    approvers: idsWith(deciding)
      .filter(named)
      .map(({ id }) => id),
    cancellers: idsWith(["send", "admin"]).map(({ id }) => id),
    revoked: keys.filter(({ revoked }) => revoked).map(({ id }) => id),
  };
}

function readKey({ id, scopes_json, mailboxes_json, revoked_at }: KeysTable) {
  return {
    id,
    scopes: JSON.parse(scopes_json) as Scope[],
    mailboxes: mailboxes_json === null ? null : (JSON.parse(mailboxes_json) as MailboxId[]),
    revoked: revoked_at !== null,
  };
}

function termsOf({ approvers, quorum, trust_namespace, times }: NewHold) {
  return { approvers_json: JSON.stringify(approvers), quorum, trust_namespace: trust_namespace ? 1 : 0, ...times } as const;
}
