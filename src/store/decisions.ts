import { sql } from "kysely";
import type { Decision } from "../model/decision.ts";
import { isFinal } from "../model/decision.ts";
import type { DecisionId, MailboxId, MessageId, TenantId, ThreadId } from "../model/ids.ts";
import type { DecisionRow } from "./contract.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { DecisionsTable } from "./schema.ts";

export const decisions = {
  "decisions.final": {
    kind: "read",
    run: (tx, { message, stage }) => finalDecision(tx, message, stage),
  },

  "decisions.of_run": {
    kind: "read",
    run: (tx, { message, run }) => decisionOfRun(tx, message, run),
  },

  "decisions.get": {
    kind: "read",
    async run({ db }, { tenant, id }) {
      const row = await db.selectFrom("decisions").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : decisionRow(row);
    },
  },

  "decisions.list": {
    kind: "read",
    async run({ db }, args) {
      const size = pageSize(args);
      let query = db.selectFrom("decisions").selectAll().where("tenant", "=", args.tenant).where("mailbox", "=", args.mailbox);
      if (args.message !== undefined) query = query.where("message", "=", args.message);
      if (args.thread !== undefined) query = query.where("thread", "=", args.thread);
      if (args.outcome !== undefined) query = query.where("outcome", "=", args.outcome);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("at", "id"), "<", tuple(at, id as DecisionId)));
      }
      const rows = await query
        .orderBy("at", "desc")
        .orderBy("id", "desc")
        .limit(size + 1)
        .execute();
      return toPage(rows, size, (row) => row, decisionRow);
    },
  },
} satisfies OperationsOf<"decisions">;

// `is_final` as a literal: a bound value that decides whether a partial index serves makes SQLite plan anew every time.
const selectFinal = once((db, given: { message: MessageId; stage: Decision["stage"] }) =>
  db
    .selectFrom("decisions")
    .select("decision_json")
    .where("message", "=", given.message)
    .where("stage", "=", given.stage)
    .where("is_final", "=", sql.lit(1)),
);

export async function finalDecision({ db }: Tx, message: MessageId, stage: Decision["stage"]): Promise<Decision | null> {
  const [row] = await selectFinal(db, { message, stage });
  return row === undefined ? null : readDecision(row);
}

const selectOfRun = once((db, given: { message: MessageId; run: string }) =>
  db
    .selectFrom("decisions")
    .select(["is_final", "decision_json"])
    .where("message", "=", given.message)
    .where("stage", "=", "inbound")
    .where(({ eb, or }) => or([eb("is_final", "=", sql.lit(1)), eb("run", "=", given.run)])),
);

/** The final inbound decision whoever made it, else the deferral of this run. */
export async function decisionOfRun({ db }: Tx, message: MessageId, run: string): Promise<Decision | null> {
  const rows = await selectOfRun(db, { message, run });
  const row = rows.find(({ is_final }) => is_final === 1) ?? rows[0];
  return row === undefined ? null : readDecision(row);
}

/** Where a decision belongs, beside what it says itself. */
export interface DecisionPlace {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId | null;
  readonly body_sha256: string | null;
}

const insertDecision = once((db, row: DecisionsTable) => db.insertInto("decisions").values(row));

/** Writes the decision and wakes whoever waits for one on its message. */
export async function recordDecision(tx: Tx, decision: Decision, place: DecisionPlace): Promise<void> {
  const row: DecisionsTable = {
    id: decision.id,
    ...place,
    message: decision.message,
    run: decision.run,
    stage: decision.stage,
    outcome: decision.outcome,
    is_final: isFinal(decision.outcome) ? 1 : 0,
    at: Date.parse(decision.at),
    decision_json: JSON.stringify(decision),
  };
  await insertDecision(tx.db, row);
  tx.touch(`message:${decision.message}`);
}

function decisionRow(row: DecisionsTable): DecisionRow {
  return {
    decision: readDecision(row),
    mailbox: row.mailbox,
    thread: row.thread,
    body_sha256: row.body_sha256,
    final: row.is_final === 1,
  };
}

function readDecision(row: Pick<DecisionsTable, "decision_json">): Decision {
  return JSON.parse(row.decision_json) as Decision;
}
