import type { AuditAction } from "../audit/actions.ts";
import { createHash } from "node:crypto";
import type { Actor } from "../model/decision.ts";
import { attemptKey, type HoldAction, type HoldActor, type HoldAnswer, type HoldId } from "../model/hold.ts";
import { isId, type DraftId, type MailboxId, type MessageId, type TenantId } from "../model/ids.ts";
import { appendAction, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { ApprovalWord, AttemptRow, HoldAttempt } from "./contract-outbound.ts";
import { findDraft } from "./drafts.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { findMessage } from "./released.ts";
import type { AttemptsTable } from "./schema.ts";

const DAY = 86_400_000;

/** More than anybody makes. */
const MOST = 1000;

export const attempts = {
  // The first words stay: what was shown to the others is what was said.
  "holds.note": {
    kind: "write",
    async run(tx, { tenant, hold, nonce, note, at }) {
      const { retentionDays } = await subjectOf(tx, tenant, hold);
      const row = { nonce, hold, tenant, note, at, expires_at: at + retentionDays * DAY };
      await tx.db
        .insertInto("hold_notes")
        .values(row)
        .onConflict((conflict) => conflict.column("nonce").doNothing())
        .execute();
      return null;
    },
  },

  "holds.refused": {
    kind: "write",
    async run(tx, { code, ...given }) {
      const attempt = readable(given);
      if ((await earlierAnswer(tx, attempt)) === null) await recordAttempt(tx, attempt, { result: "refused", code });
      return null;
    },
  },

  "holds.attempts": {
    kind: "read",
    async run({ db }, { tenant, hold }) {
      const rows = await db
        .selectFrom("attempts")
        .leftJoin("hold_notes", (join) =>
          join
            .onRef("hold_notes.nonce", "=", "attempts.nonce")
            .onRef("hold_notes.hold", "=", "attempts.hold")
            .onRef("hold_notes.tenant", "=", "attempts.tenant"),
        )
        .selectAll("attempts")
        .select("hold_notes.note")
        .where("attempts.hold", "=", hold)
        .where("attempts.tenant", "=", tenant)
        .orderBy("attempts.at")
        .orderBy("attempts.nonce")
        .limit(MOST)
        .execute();
      return rows.map(attemptRow);
    },
  },

  "holds.answer": {
    kind: "read",
    until: attemptKey,
    async run({ db }, { tenant, hold, nonce }) {
      const known = await findAttempt(db, nonce);
      return known?.tenant === tenant && known.hold === hold ? answerOf(known) : null;
    },
  },

  "holds.approval": {
    kind: "read",
    async run({ db }, { tenant, hold }) {
      const row = await db
        .selectFrom("attempts")
        .select(["nonce", "actor", "content_hash"])
        .where("hold", "=", hold)
        .where("tenant", "=", tenant)
        .where("action", "=", "approve")
        .where("result", "=", "accepted")
        .where("via", "=", "update")
        .where("actor", "!=", "namespace")
        // The one that decided: of a quorum the others were told that it waits.
        .where("answer_json", "like", '%"status":"approved"%')
        .orderBy("at", "desc")
        .orderBy("nonce", "desc")
        .limit(1)
        .executeTakeFirst();
      return row === undefined ? null : (row as ApprovalWord);
    },
  },
} satisfies Pick<OperationsOf<"holds">, "holds.note" | "holds.refused" | "holds.attempts" | "holds.answer" | "holds.approval">;

/** An attempt whatever it does, as it is remembered. */
export type AnyAttempt = Omit<HoldAttempt, "edit">;

const HASH = /^[0-9a-f]{64}$/;

/** Whoever may write to the namespace may send any text as a hash; none of it is kept, and it fits nothing. */
export function readable<A extends AnyAttempt>(attempt: A): A {
  const { content_hash } = attempt;
  return content_hash === null || HASH.test(content_hash) ? attempt : { ...attempt, content_hash: "unreadable" };
}

/**
 * What this attempt was told before; null: it is new. INVARIANT: a nonce counts once. Who comes with it again hears the
 * same, who comes with it for something else is refused; each is recorded once.
 */
export async function earlierAnswer(tx: Tx, attempt: AnyAttempt): Promise<HoldAnswer | null> {
  const known = await findAttempt(tx.db, attempt.nonce);
  if (known === undefined) return null;
  if (isSame(known, attempt)) return answerOf(known);
  const misuse = { ...attempt, nonce: misuseName(attempt) };
  const refusal: HoldAnswer = { result: "refused", code: "token_used" };
  if ((await findAttempt(tx.db, misuse.nonce)) === undefined) await recordAttempt(tx, misuse, refusal);
  return refusal;
}

const selectAttempt = once((db, given: { nonce: string }) => db.selectFrom("attempts").selectAll().where("nonce", "=", given.nonce));

async function findAttempt(db: Tx["db"], nonce: string): Promise<AttemptsTable | undefined> {
  const [row] = await selectAttempt(db, { nonce });
  return row;
}

function answerOf({ answer_json }: AttemptsTable): HoldAnswer {
  return JSON.parse(answer_json) as HoldAnswer;
}

function isSame(known: AttemptsTable, attempt: AnyAttempt): boolean {
  return (
    known.tenant === attempt.tenant &&
    known.hold === attempt.hold &&
    known.action === attempt.action &&
    known.actor === attempt.actor &&
    known.content_hash === attempt.content_hash
  );
}

/** The nonce itself is another attempt's name. */
function misuseName({ nonce, tenant, hold, action, actor, content_hash }: AnyAttempt): string {
  const what = JSON.stringify([tenant, hold, action, actor, content_hash]);
  return `${nonce}#${createHash("sha256").update(what).digest("hex").slice(0, 32)}`;
}

type Named = Pick<HoldAttempt, "tenant" | "hold" | "nonce">;

const selectNote = once((db, given: Named) =>
  db
    .selectFrom("hold_notes")
    .select("note")
    .where("nonce", "=", given.nonce)
    .where("tenant", "=", given.tenant)
    .where("hold", "=", given.hold),
);

/** The words that came with it; null: none. */
export async function noteOf({ db }: Tx, { tenant, hold, nonce }: Named): Promise<string | null> {
  const [row] = await selectNote(db, { tenant, hold, nonce });
  return row?.note ?? null;
}

const insertAttempt = once((db, row: AttemptsTable) => db.insertInto("attempts").values(row));

/** Writes the attempt with its answer and its audit entry, whether it counts or not. To be called once a nonce. */
export async function recordAttempt(tx: Tx, attempt: AnyAttempt, answer: HoldAnswer): Promise<void> {
  const subject = await subjectOf(tx, attempt.tenant, attempt.hold);
  const { nonce, hold, tenant, action, actor, content_hash, via, at } = attempt;
  const result = answer.result === "accepted" ? "accepted" : answer.code;
  const answer_json = JSON.stringify(answer);
  const { revision } = subject;
  await tx.later(insertAttempt, { nonce, hold, tenant, action, actor, content_hash, via, result, answer_json, revision, at });
  await appendAttempt(tx, attempt, answer, subject);
  tx.touch(attemptKey(attempt), { name: "holds.answer", args: { tenant, hold, nonce }, result: answer });
}

async function appendAttempt(tx: Tx, attempt: AnyAttempt, answer: HoldAnswer, subject: Subject): Promise<void> {
  const { audit_id: id, salt, tenant, at, hold, action, via, signed, trace } = attempt;
  const { revision, content_hash } = subject;
  const told =
    answer.result === "accepted" ? { approvals: answer.approvals, quorum: answer.quorum } : { attempted: action, code: answer.code };
  await appendAction(tx, {
    id,
    tenant,
    at,
    action: answer.result === "accepted" ? ACCEPTED[action] : "hold.attempt_refused",
    actor: auditActor(attempt),
    message: subject.message,
    mailbox: subject.mailbox,
    facts: { hold, revision, content_hash, seen: attempt.content_hash, via, signed, ...told, ...trace },
    details: { note: await noteOf(tx, attempt) },
    salt,
    retentionDays: subject.retentionDays,
  });
}

const ACCEPTED: Readonly<Record<HoldAction, AuditAction>> = {
  approve: "email.approved",
  reject: "email.rejected",
  edit: "email.edited",
  cancel: "email.cancelled",
  resend: "email.resend_ordered",
  settle: "email.settled",
  settle_failed: "email.settled",
};

/** INVARIANT: nobody is named in the log on the word of a stranger. */
export function auditActor({ actor, signed }: { readonly actor: HoldActor; readonly signed: boolean }): Actor {
  return signed && actor !== "namespace" ? `key:${actor}` : "namespace";
}

/** What an attempt is about, as far as the tenant has it. */
interface Subject {
  readonly mailbox: MailboxId | null;
  readonly message: MessageId | null;
  /** The current one; 0: there is nothing. */
  readonly revision: number;
  /** Of what waits or waited; null: nothing did. */
  readonly content_hash: string | null;
  readonly retentionDays: number;
}

async function subjectOf(tx: Tx, tenant: TenantId, hold: HoldId): Promise<Subject> {
  if (isDraft(hold)) {
    const draft = await findDraft(tx, tenant, hold);
    if (draft === null) return NOTHING;
    const { mailbox, message, revision, retention_days: retentionDays } = draft;
    return { mailbox, message, revision, content_hash: await contentOf(tx, hold), retentionDays };
  }
  const message = await findMessage(tx, tenant, hold);
  if (message === undefined) return NOTHING;
  const { mailbox, id, digest, retention_days: retentionDays } = message;
  return { mailbox, message: id, revision: 1, content_hash: digest, retentionDays };
}

const selectContent = once((db, given: { hold: HoldId }) => db.selectFrom("holds").select("content_hash").where("id", "=", given.hold));

async function contentOf({ db }: Tx, hold: HoldId): Promise<string | null> {
  const [row] = await selectContent(db, { hold });
  return row?.content_hash ?? null;
}

export function isDraft(hold: HoldId): hold is DraftId {
  return isId("drf", hold);
}

const NOTHING: Subject = { mailbox: null, message: null, revision: 0, content_hash: null, retentionDays: STANDARD_RETENTION_DAYS };

function attemptRow({
  nonce,
  action,
  actor,
  content_hash,
  via,
  result,
  note,
  revision,
  at,
}: AttemptsTable & { note: string | null }): AttemptRow {
  return { nonce, action, actor, content_hash, via, result, note, revision, at };
}
