import type { Decision } from "../model/decision.ts";
import { isFinal } from "../model/decision.ts";
import type { DecisionId, MailboxId, MessageId, TenantId, ThreadId } from "../model/ids.ts";
import type { DecisionRow } from "./contract.ts";
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

export async function finalDecision({ db }: Tx, message: MessageId, stage: Decision["stage"]): Promise<Decision | null> {
  const row = await db
    .selectFrom("decisions")
    .select("decision_json")
    .where("message", "=", message)
    .where("stage", "=", stage)
    .where("is_final", "=", 1)
    .executeTakeFirst();
  return row === undefined ? null : readDecision(row);
}

/** The final inbound decision whoever made it, else the deferral of this run. */
export async function decisionOfRun({ db }: Tx, message: MessageId, run: string): Promise<Decision | null> {
  const row = await db
    .selectFrom("decisions")
    .select("decision_json")
    .where("message", "=", message)
    .where("stage", "=", "inbound")
    .where(({ eb, or }) => or([eb("is_final", "=", 1), eb("run", "=", run)]))
    .orderBy("is_final", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : readDecision(row);
}

/** Where a decision belongs, beside what it says itself. */
export interface DecisionPlace {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId | null;
  readonly body_sha256: string | null;
}

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
  await tx.db.insertInto("decisions").values(row).execute();
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
