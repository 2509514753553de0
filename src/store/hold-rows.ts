import type { HoldActor, HoldId, HoldKind, HoldTimes } from "../model/hold.ts";
import type { HoldRules, HoldState } from "../model/hold-state.ts";
import type { KeyId, MailboxId, TenantId } from "../model/ids.ts";
import type { DraftKind } from "../model/outbound.ts";
import type { Scope } from "./contract.ts";
import type { NewHold } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { HoldsTable, KeysTable } from "./schema.ts";

/** What begins to wait, and on which terms. */
interface HoldOpening extends Pick<
  HoldsTable,
  "id" | "tenant" | "mailbox" | "direction" | "kind" | "reason" | "subject" | "revision" | "content_hash" | "author"
> {
  /** Of a draft everybody it would go to, however they are named. */
  readonly to: readonly string[];
  readonly from: string | null;
  readonly terms: NewHold;
  readonly at: number;
}

const insertRow = once((db, row: HoldsTable) => db.insertInto("holds").values(row));

/** Returns the times as they are kept. */
export async function insertHold(tx: Tx, { to, from, terms, at, ...hold }: HoldOpening): Promise<HoldTimes> {
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
  await tx.later(insertRow, row);
  touchHold(tx, hold);
  return timesOf(row);
}

/** Another round of a draft's hold, on today's terms. INVARIANT: what was approved in an earlier round is approved no more. */
export async function reopenHold(tx: Tx, hold: Pick<HoldsTable, "id" | "tenant" | "reason">, terms: NewHold): Promise<HoldTimes> {
  const { id, tenant, reason } = hold;
  const today = termsOf(terms);
  await tx.db.deleteFrom("approvals").where("hold", "=", id).execute();
  await tx.db
    .updateTable("holds")
    .set({ ...today, status: "waiting", reason, reminded_at: null, escalated_at: null, decided_at: null })
    .where("id", "=", id)
    .where("tenant", "=", tenant)
    .execute();
  touchHold(tx, hold);
  return timesOf(today);
}

/** Wakes who watches the list of what waits, and who watches the draft. */
export function touchHold(tx: Tx, { id, tenant }: Pick<HoldsTable, "id" | "tenant">): void {
  tx.touch(`pending:${tenant}`);
  if (id.startsWith("drf_")) tx.touch(`draft:${id}`);
}

const selectTimes = once((db, { id }: { id: HoldId }) =>
  db.selectFrom("holds").select(["remind_at", "escalate_at", "expires_at"]).where("id", "=", id),
);

export async function holdTimes({ db }: Tx, id: HoldId): Promise<HoldTimes | null> {
  const [row] = await selectTimes(db, { id });
  return row ?? null;
}

function timesOf({ remind_at, escalate_at, expires_at }: HoldTimes): HoldTimes {
  return { remind_at, escalate_at, expires_at };
}

const selectState = once((db, given: { tenant: TenantId; id: HoldId }) =>
  db
    .selectFrom("holds")
    .leftJoin("revisions", (join) => join.onRef("revisions.draft", "=", "holds.id").on("revisions.number", "=", 1))
    .selectAll("holds")
    .select("revisions.author as writer")
    .where("holds.tenant", "=", given.tenant)
    .where("holds.id", "=", given.id),
);

const selectApprovals = once((db, { id }: { id: HoldId }) =>
  db.selectFrom("approvals").select(["actor", "content_hash"]).where("hold", "=", id).orderBy("at"),
);

/** As the state machine sees it (model/hold-state.ts). */
export async function holdState({ db }: Tx, tenant: TenantId, id: HoldId): Promise<HoldState | null> {
  const [row] = await selectState(db, { tenant, id });
  if (row === undefined) return null;
  const approvals = await selectApprovals(db, { id });
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
type HoldTerms = Omit<NewHold, "times">;

/** Where a hold is and how far it has come. */
interface HoldPlace extends Pick<HoldsTable, "tenant" | "mailbox" | "direction"> {
  readonly kind: HoldKind | DraftKind;
  readonly escalated: boolean;
}

/** MM-05: the overseer's copy is not the agent's to take back. */
function cancelling(kind: HoldPlace["kind"]): readonly Scope[] {
  return kind === "copy" ? ["admin"] : ["send", "admin"];
}

/** What `actors` may do about a hold of this mailbox, by their keys as of now. */
export async function holdRules({ db }: Tx, place: HoldPlace, terms: HoldTerms, actors: readonly HoldActor[]): Promise<HoldRules> {
  const ids = actors.filter((actor): actor is KeyId => actor !== "namespace");
  const found =
    ids.length === 0 ? [] : await db.selectFrom("keys").selectAll().where("tenant", "=", place.tenant).where("id", "in", ids).execute();
  const keys = found.map(readKey);
  const seeing = keys.filter(({ revoked, mailboxes }) => !revoked && (mailboxes === null || mailboxes.includes(place.mailbox)));
  const deciding: readonly Scope[] = place.direction === "inbound" ? ["oversight", "admin"] : ["oversight"];
  const named = [...terms.approvers, ...(place.escalated ? (terms.escalate_to ?? []) : [])];
  const idsWith = (scopes: readonly Scope[]) => seeing.filter((key) => scopes.some((scope) => key.scopes.includes(scope)));
  return {
    quorum: terms.quorum,
    trust_namespace: terms.trust_namespace,
    approvers: idsWith(deciding)
      .map(({ id }) => id)
      .filter((id) => terms.approvers.length === 0 || named.includes(id)),
    cancellers: idsWith(cancelling(place.kind)).map(({ id }) => id),
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

function termsOf({ approvers, escalate_to = [], quorum, trust_namespace, times }: NewHold) {
  return {
    approvers_json: JSON.stringify(approvers),
    escalate_to_json: JSON.stringify(escalate_to),
    quorum,
    trust_namespace: trust_namespace ? 1 : 0,
    remind_at: whole(times.remind_at),
    escalate_at: whole(times.escalate_at),
    expires_at: Math.round(times.expires_at),
  } as const;
}

/** Half of a duration may fall between two milliseconds. */
function whole(at: number | null): number | null {
  return at === null ? null : Math.round(at);
}
