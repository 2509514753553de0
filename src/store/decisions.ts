import { sql } from "kysely";
import type { Decision, InboundOutcome, OutboundDecision, Stage } from "../model/decision.ts";
import type { DecisionId, MailboxId, MessageId, TenantId, ThreadId } from "../model/ids.ts";
import type { OutboundOutcome } from "../model/outbound.ts";
import type { DecisionRow } from "./contract.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { DecisionsTable } from "./schema.ts";

/** Of decisions of one millisecond. */
const LATER = sql<number>`case stage when 'send' then 2 when 'release' then 1 else 0 end`;

export const decisions = {
  "decisions.final": {
    kind: "read",
    run: (tx, { message, stage }) => finalDecision(tx, message, stage),
  },

  "decisions.of_run": {
    kind: "read",
    run: (tx, { message, run }) => decisionOfRun(tx, message, run),
  },

  "decisions.of_draft": {
    kind: "read",
    run: (tx, { message, stage }) => finalOfDraft(tx, message, stage),
  },

  "decisions.of_submit": {
    kind: "read",
    run: (tx, { message, run }) => submitOfRun(tx, message, run),
  },

  "decisions.get": {
    kind: "read",
    async run({ db }, { tenant, id }) {
      const row = await db.selectFrom("decisions").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : decisionRow(row);
    },
  },

  "decisions.latest": {
    kind: "read",
    async run({ db }, { tenant, message }) {
      const row = await db
        .selectFrom("decisions")
        .selectAll()
        .where("message", "=", message)
        .where("tenant", "=", tenant)
        .orderBy("at", "desc")
        .orderBy(LATER, "desc")
        .limit(1)
        .executeTakeFirst();
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
const selectFinal = once((db, given: { message: MessageId; stage: Stage }) =>
  db
    .selectFrom("decisions")
    .select(["decision_json", "round"])
    .where("message", "=", given.message)
    .where("stage", "=", given.stage)
    .where("is_final", "=", sql.lit(1))
    .orderBy("round", "desc")
    .limit(1),
);

export async function finalDecision({ db }: Tx, message: MessageId, stage: "inbound" | "release"): Promise<Decision | null> {
  const [row] = await selectFinal(db, { message, stage });
  return row === undefined ? null : (readDecision(row) as Decision);
}

/** Of the draft's latest round. */
export async function finalOfDraft({ db }: Tx, message: MessageId, stage: OutboundStage): Promise<OutboundDecision | null> {
  const [row] = await selectFinal(db, { message, stage });
  return row === undefined ? null : (readDecision(row) as OutboundDecision);
}

type OutboundStage = "submit" | "release" | "send";

/** Every final decision about a draft, each with the round it belongs to. */
export async function finalsOfDraft({ db }: Tx, message: MessageId): Promise<readonly { decision: OutboundDecision; round: number }[]> {
  const rows = await selectFinals(db, { message });
  return rows.map((row) => ({ decision: readDecision(row) as OutboundDecision, round: row.round }));
}

const selectFinals = once((db, given: { message: MessageId }) =>
  db.selectFrom("decisions").select(["decision_json", "round"]).where("message", "=", given.message).where("is_final", "=", sql.lit(1)),
);

const selectOfRun = once((db, given: { message: MessageId; stage: Stage; run: string }) =>
  db
    .selectFrom("decisions")
    .select(["is_final", "decision_json", "round"])
    .where("message", "=", given.message)
    .where("stage", "=", given.stage)
    .where(({ eb, or }) => or([eb("is_final", "=", sql.lit(1)), eb("run", "=", given.run)])),
);

/** The final inbound decision whoever made it, else the deferral of this run. */
export async function decisionOfRun({ db }: Tx, message: MessageId, run: string): Promise<Decision | null> {
  const rows = await selectOfRun(db, { message, stage: "inbound", run });
  const row = rows.find(({ is_final }) => is_final === 1) ?? rows[0];
  return row === undefined ? null : (readDecision(row) as Decision);
}

/** The final decision of the latest round whoever made it, else the `rate_limited` of this run. */
export async function submitOfRun({ db }: Tx, message: MessageId, run: string): Promise<OutboundDecision | null> {
  const rows = await selectOfRun(db, { message, stage: "submit", run });
  const final = rows.filter(({ is_final }) => is_final === 1).toSorted((one, other) => other.round - one.round);
  const row = final[0] ?? rows[0];
  return row === undefined ? null : (readDecision(row) as OutboundDecision);
}

/** Where a decision belongs, beside what it says itself. */
export interface DecisionPlace {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId | null;
  readonly body_sha256: string | null;
  /** Of the draft (drafts.round). Inbound mail has one. */
  readonly round?: number;
}

const insertDecision = once((db, row: DecisionsTable) => db.insertInto("decisions").values(row));

type AnyDecision = Decision<InboundOutcome | OutboundOutcome>;

/** A sender may come again after `deferred`, an agent after a cap. */
function endsItsStage({ direction, outcome }: AnyDecision): boolean {
  return outcome !== (direction === "inbound" ? "deferred" : "rate_limited");
}

/** Writes the decision and wakes whoever waits for one on its message. */
export async function recordDecision(tx: Tx, decision: AnyDecision, place: DecisionPlace): Promise<void> {
  const row: DecisionsTable = {
    id: decision.id,
    round: 1,
    ...place,
    message: decision.message,
    run: decision.run,
    stage: decision.stage,
    outcome: decision.outcome,
    is_final: endsItsStage(decision) ? 1 : 0,
    at: Date.parse(decision.at),
    decision_json: JSON.stringify(decision),
  };
  await tx.later(insertDecision, row);
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

function readDecision(row: Pick<DecisionsTable, "decision_json">): AnyDecision {
  return JSON.parse(row.decision_json) as AnyDecision;
}
