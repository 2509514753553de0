import { nextEntry } from "./audit.ts";
import type { Trace } from "./contract.ts";
import type { Fresh, SendAttempt, SendBar, SendCarry, SendClaim } from "./contract-outbound.ts";
import { loseDeliveries } from "./deliveries.ts";
import type { DraftId } from "../model/ids.ts";
import type { DraftState } from "../model/outbound.ts";
import { changeDraft } from "./drafts.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { DraftsTable, SendAttemptsTable } from "./schema.ts";
import { appendSending } from "./send-audit.ts";

export interface Attempt extends Omit<SendAttemptsTable, "recipients_json"> {
  /** Of an attempt that was claimed: those whom the peer took. */
  readonly recipients: readonly string[];
}

const insertAttempt = once((db, row: SendAttemptsTable) => db.insertInto("send_attempts").values(row));

const selectLast = once((db, given: { draft: DraftId }) =>
  db.selectFrom("send_attempts").selectAll().where("draft", "=", given.draft).orderBy("attempt", "desc").limit(1),
);

const selectOne = once((db, given: { draft: DraftId; attempt: number }) =>
  db.selectFrom("send_attempts").selectAll().where("draft", "=", given.draft).where("attempt", "=", given.attempt),
);

export async function lastAttempt({ db }: Tx, draft: DraftId): Promise<Attempt | null> {
  return attemptIn(await selectLast(db, { draft }));
}

export async function findAttempt({ db }: Tx, draft: DraftId, attempt: number): Promise<Attempt | null> {
  return attemptIn(await selectOne(db, { draft, attempt }));
}

function attemptIn([row]: readonly SendAttemptsTable[]): Attempt | null {
  if (row === undefined) return null;
  const { recipients_json, ...attempt } = row;
  return { ...attempt, recipients: JSON.parse(recipients_json) as string[] };
}

/** The number of the next; null: one is in flight, or nobody knows what became of it. */
export async function attemptAfter(tx: Tx, draft: DraftId): Promise<number | null> {
  const last = await lastAttempt(tx, draft);
  if (last === null) return 1;
  return last.phase === "done" || last.phase === "given_up" ? last.attempt + 1 : null;
}

export const UNCLAIMED = { phase: "connect", claimed_at: null, claim: null } as const;

/** INVARIANT (DESIGN §9.7): the database refuses a second one in flight, and any beside one of unknown fate. */
export async function openAttempt({ db }: Tx, attempt: Pick<Attempt, "draft" | "attempt" | "content_hash" | "recipients" | "opened_at">) {
  const { recipients, ...rest } = attempt;
  const recipients_json = JSON.stringify(recipients);
  await insertAttempt(db, { ...rest, recipients_json, ...UNCLAIMED, ended_at: null });
}

/** Data of the draft may be on its way: what becomes of it is the attempt's business, or a person's. */
export async function mayBeOnItsWay(tx: Tx, draft: DraftId): Promise<boolean> {
  const last = await lastAttempt(tx, draft);
  return last !== null && (last.phase === "data" || last.phase === "unknown");
}

type Claimed = Pick<SendAttemptsTable, "draft" | "attempt" | "recipients_json" | "claim"> & { readonly claimed_at: number };

const claim = once((db, given: Claimed) =>
  db
    .updateTable("send_attempts")
    .set({ phase: "data", recipients_json: given.recipients_json, claimed_at: given.claimed_at, claim: given.claim })
    .where("draft", "=", given.draft)
    .where("attempt", "=", given.attempt)
    .where("phase", "=", "connect")
    .returning("attempt"),
);

/**
 * Milliseconds after which one who is at it and has not said so again is believed to be gone. What he claimed is then of
 * unknown fate, and people are asked: too early, and they send twice what was on its way.
 */
const CARRIED_MS = 20_000;

/** The compare-and-set itself. False: somebody else has moved it. */
export async function claimAttempt({ db }: Tx, { draft, attempt, accepted, at, audit_id }: SendClaim): Promise<boolean> {
  const recipients_json = JSON.stringify(accepted);
  return (await claim(db, { draft, attempt, recipients_json, claimed_at: at, claim: audit_id })).length === 1;
}

export async function carryOn(tx: Tx, { draft, claim, at }: SendCarry): Promise<null> {
  const last = await lastAttempt(tx, draft);
  if (last?.phase !== "data" || last.claim !== claim) return null;
  const until = at + CARRIED_MS;
  const row = { draft, claim, until };
  await tx.db
    .insertInto("send_carriers")
    .values(row)
    .onConflict((conflict) => conflict.column("draft").doUpdateSet({ claim, until }))
    .execute();
  return null;
}

/** Until when somebody is believed to be at a claimed attempt; whatever the clocks of two machines say, not for longer than he is from now on. */
async function carriedUntil({ db }: Tx, { draft, claim, claimed_at }: Attempt, at: number): Promise<number> {
  const query = db.selectFrom("send_carriers").select("until").where("draft", "=", draft).where("claim", "=", claim);
  const { until = 0 } = (await query.executeTakeFirst()) ?? {};
  return Math.min(at + CARRIED_MS, Math.max(until, (claimed_at ?? 0) + CARRIED_MS));
}

const end = once((db, given: Pick<SendAttemptsTable, "draft" | "attempt" | "phase"> & { readonly ended_at: number }) =>
  db
    .updateTable("send_attempts")
    .set({ phase: given.phase, ended_at: given.ended_at })
    .where("draft", "=", given.draft)
    .where("attempt", "=", given.attempt),
);

export async function endAttempt(
  { db }: Tx,
  { draft, attempt }: Pick<SendAttemptsTable, "draft" | "attempt">,
  phase: "done" | "unknown" | "given_up",
  at: number,
): Promise<void> {
  await end(db, { draft, attempt, phase, ended_at: at });
}

/**
 * What an attempt left that nobody carries on: one that had not been claimed can have sent nothing, of one that had nobody
 * knows. Null: another may be made. Whoever carried it on all the same finds its claim lost.
 */
export async function leaveBehind(
  tx: Tx,
  draft: DraftsTable,
  { trace, at, ...names }: Fresh & { trace: Trace; at: number },
): Promise<(SendBar & { readonly state: DraftState }) | null> {
  const left = await lastAttempt(tx, draft.id);
  if (left === null || left.phase === "done" || left.phase === "given_up") return null;
  if (left.phase === "unknown") return UNKNOWN;
  const until = left.phase === "data" ? await carriedUntil(tx, left, at) : at;
  if (until > at) return { why: "carried", until, state: draft.state };
  await endAttempt(tx, left, left.phase === "connect" ? "given_up" : "unknown", at);
  if (left.phase === "connect") return null;
  await loseDeliveries(tx, draft.id, left.attempt, left.recipients, at);
  await changeDraft(tx, draft.id, { state: "unknown", reason: "no_reply" }, at);
  await appendSending(tx, draft, { ...left, ...nextEntry(names), trace, at });
  return UNKNOWN;
}

const UNKNOWN = { why: "unknown", until: null, state: "unknown" } as const;

/** One that nothing is on record of, at a draft that nobody was asked about. */
export function unwritten(attempt: number, envelope_sender: string, recipients: readonly string[]): SendAttempt {
  return { kind: "open", attempt, on_record: false, envelope_sender, recipients, reviewed: false };
}
