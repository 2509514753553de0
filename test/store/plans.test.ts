import type { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { KeyId, MailboxId, MessageId, TenantId } from "../../src/model/ids.ts";
import type { Args, OperationName } from "../../src/store/contract.ts";
import type { HoldAttempt } from "../../src/store/contract-outbound.ts";
import { MIGRATIONS } from "../../src/store/migrations/list.ts";
import { kyselyOver } from "../../src/store/sqlite/dialect.ts";
import { writeJobs } from "../../src/store/sqlite/jobs.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { openWriter } from "../../src/store/sqlite/open.ts";
import { attemptOf, editOf, hashOf, timerOf } from "./hold-samples.ts";
import { atSending, GATED, keyOf, letterOf, questionAbout, suppressionOf, fresh } from "./outbound-samples.ts";
import { newId, NOON, proposalOf, questionOf } from "./samples.ts";
import { tempDirectory } from "./world.ts";

it("no operation reads a whole table that grows with the mail", async () => {
  const sqlite = openWriter(join(await tempDirectory(), "postern.db"));
  migrate(sqlite, MIGRATIONS);
  onTestFinished(() => sqlite.close());
  const queries = recordQueries(sqlite);
  const connection = { sqlite, db: kyselyOver(sqlite) };
  for (const [name, args] of operations()) {
    const { answers } = await writeJobs(connection, [{ id: 1, name, args }]);
    expect(answers[0], name).toMatchObject({ ok: true });
  }
  expect(queries.size).toBeGreaterThan(90);
  const scans = [...queries]
    .filter((sql) => !sortsFew(sql))
    .flatMap((sql) =>
      planOf(sqlite, sql)
        .filter(isScan)
        .map((step) => `${step}: ${sql}`),
    );
  expect(scans).toEqual([]);
  // What is planned anew at every call costs more to plan than to carry out.
  expect([...queries].filter((sql) => sql.includes("limit ?"))).toEqual([]);
});

function operations(): [OperationName, Args<OperationName>][] {
  const tenant = newId("ten");
  const mailbox = newId("mbx");
  const place = { tenant, mailbox };
  const domain = "acme.example";
  const held = proposalOf(place, { proposal: { outcome: "held" } });
  const limits = { perHour: 9, perDay: 9, tokensPerThread: 999, tokensPerDay: 999 };
  const delivered = proposalOf(place, { limits, headline: { rfc_message_id: "1@x.example" } });
  const message = delivered.input.message;
  const cursor = Buffer.from(JSON.stringify([NOON, message])).toString("base64url");
  const address_id = newId("adr");
  const domain_id = newId("dom");
  const policy = { ...place, id: newId("pol"), digest: "1", document: "{}", at: NOON, actor: "postern" } as const;
  return [
    ["tenants.create", { id: tenant, name: "n", at: NOON }],
    ["mailboxes.create", { id: mailbox, address_id, domain_id, tenant, agent_id: "a", address: `a@${domain}`, domain, at: NOON }],
    [
      "mailboxes.create",
      { id: newId("mbx"), address_id: newId("adr"), domain_id, tenant, agent_id: "a", address: `b@${domain}`, domain, at: NOON },
    ],
    ["mailboxes.add_alias", { ...place, address_id: newId("adr"), domain_id, address: `c@${domain}`, domain, at: NOON }],
    ["mailboxes.list", { tenant, only: [mailbox], limit: 1, cursor }],
    ["mailboxes.resolve", { address: "x" }],
    ["policies.put", policy],
    ["policies.get", { tenant, id: policy.id }],
    ["keys.find", { hash: "x" }],
    ["keys.list", { tenant, limit: 1, cursor }],
    ["inbound.decide", held],
    ["inbound.decide", delivered],
    ["inbound.decide", proposalOf(place, { proposal: { outcome: "rejected_at_policy" } })],
    ["threads.resolve", questionOf(place, { references: ["1@x.example"], rfc_message_id: "2@x.example", automatic: true })],
    ["threads.resolve", questionOf(place, { sender: `b@${domain}` })],
    ["decisions.of_run", { message, run: "r" }],
    ["decisions.final", { message, stage: "inbound" }],
    ["decisions.get", { tenant, id: delivered.decision_id }],
    ["decisions.list", { ...place, limit: 1, cursor }],
    ["decisions.list", { ...place, message, limit: 1 }],
    ["decisions.list", { ...place, thread: delivered.facts!.thread, limit: 1 }],
    ["decisions.list", { ...place, outcome: "held", limit: 1, cursor }],
    ["messages.get", { tenant, id: message, view: "agent" }],
    ["messages.list", { ...place, view: "agent", limit: 1, cursor }],
    ["messages.list", { ...place, view: "all", outcome: "held", limit: 1, cursor }],
    ["messages.delivered_after", { ...place, after: 0, limit: 1 }],
    ["messages.settle", { tenant, id: message, tokens_consumed: 1, at: NOON }],
    ["messages.references", { tenant, digest: "x" }],
    ["receipts.list", { tenant, message }],
    ["audit.of_message", { tenant, message }],
    ["audit.list", { tenant, limit: 1, cursor }],
    ["audit.list", { ...place, since: NOON, until: NOON + 1, limit: 1, cursor }],
    ["audit.list", { tenant, action: "decision", limit: 1, cursor }],
    ["audit.list", { ...place, action: "capability.denied", since: NOON, limit: 1, cursor }],
    ...outboundOperations(place, message),
    ...holdOperations(place),
    ["audit.erase_expired", { now: NOON * 2, limit: 10 }],
  ];
}

function outboundOperations(place: { tenant: TenantId; mailbox: MailboxId }, answered: MessageId): [OperationName, Args<OperationName>][] {
  const { tenant, mailbox } = place;
  const author = newId("key");
  const sender = { ...place, author };
  const key = { id: author, tenant, name: "k", scopes: ["send"], mailboxes: null, masked: "", created_at: NOON, hash: author } as const;
  const queued = letterOf(sender);
  const waiting = letterOf(sender, { proposal: GATED });
  const limited = letterOf(sender, { proposal: { caps: { perHour: 1, perDay: 1 } } });
  const blocked = letterOf(sender, { proposal: { outcome: "blocked" } });
  const { draft, message } = queued.input;
  const cursor = Buffer.from(JSON.stringify([NOON, draft])).toString("base64url");
  const begun = keyOf(place, { draft });
  const suppression = suppressionOf(tenant, "eve@acme.example");
  return [
    ["keys.create", key],
    ["oversight.put_code", { ...place, mode: "autonomous", hash: "h", expires_at: NOON + 1, at: NOON, actor: "postern", ...fresh() }],
    ["mailboxes.change", { ...place, mode: "autonomous", code_hash: "h", actor: "postern", at: NOON, ...fresh() }],
    ["idempotency.begin", begun],
    ["idempotency.settle", { mailbox, key: begun.key, status: 200, answer: "{}" }],
    ["idempotency.release", { mailbox, key: begun.key, draft }],
    ["idempotency.prune", { before: NOON + 1, limit: 10 }],
    ["suppressions.put", suppression],
    ["suppressions.put", suppressionOf(tenant, "eve@acme.example", { expires_at: NOON })],
    ["suppressions.list", { tenant, at: NOON, limit: 1, cursor }],
    ["suppressions.list", { tenant, at: NOON, limit: 1, address: "eve@acme.example" }],
    ["suppressions.end", { tenant, id: suppression.id, at: NOON, actor: "postern", ...fresh() }],
    ["outbound.facts", questionAbout(sender, { draft, in_reply_to: answered })],
    ...[queued, waiting, limited, blocked].map((letter): [OperationName, Args<OperationName>] => ["outbound.screen", letter]),
    ["outbound.screen", atSending(queued)],
    ["outbound.screen", atSending(queued, { caps: { perHour: 1, perDay: 1 } })],
    ["outbound.windows", { ...place, caps: { perHour: 1, perDay: 1 }, at: NOON }],
    ["outbound.screen", atSending(queued, GATED)],
    ["outbound.screen", atSending(waiting, { outcome: "blocked" })],
    ["drafts.get", { tenant, id: draft }],
    ["drafts.list", { ...place, limit: 1, cursor }],
    ["drafts.list", { ...place, state: "blocked", limit: 1, cursor }],
    ["drafts.deliveries", { tenant, draft }],
    ["revisions.list", { tenant, draft }],
    ["decisions.of_draft", { message, stage: "submit" }],
    ["decisions.of_submit", { message, run: "r" }],
    ["messages.list", { ...place, view: "agent", direction: "outbound", limit: 1, cursor }],
  ];
}

function holdOperations(place: { tenant: TenantId; mailbox: MailboxId }): [OperationName, Args<OperationName>][] {
  const { tenant, mailbox } = place;
  const author = newId("key");
  const ann = newId("key");
  const key = { tenant, name: "k", mailboxes: null, masked: "", created_at: NOON } as const;
  const [edited, left, queued] = [GATED, GATED, {}].map((proposal) => letterOf({ ...place, author }, { proposal }));
  const hold = edited!.input.draft;
  const world = { store: null as never, path: "", ...place };
  const note = (attempt: HoldAttempt): [OperationName, Args<OperationName>] => [
    "holds.note",
    { tenant, hold, nonce: attempt.nonce, note: "n", at: NOON },
  ];
  const attempt = (...args: [HoldAttempt["action"], KeyId, Partial<HoldAttempt>?]) => attemptOf(world, hold, ...args);
  const mail = proposalOf(place, { proposal: { outcome: "held" } });
  const reject = attempt("reject", ann, { content_hash: hashOf("words") });
  const { edit: _, ...late } = attempt("approve", ann);
  const target = { tenant, actor: "postern", at: NOON, stopped: true } as const;
  return [
    ["keys.create", { ...key, id: author, scopes: ["send"], hash: author }],
    ["keys.create", { ...key, id: ann, scopes: ["oversight"], hash: ann }],
    ...[edited, left, queued].map((letter): [OperationName, Args<OperationName>] => ["outbound.screen", letter!]),
    ["holds.get", { tenant, id: hold }],
    ["holds.timer", timerOf(world, hold, "remind", NOON)],
    ["holds.decide", attempt("edit", ann, { edit: editOf(ann, 2, "words") })],
    note(reject),
    ["holds.decide", reject],
    ["holds.decide", { ...reject, actor: author, ...fresh() }],
    ["holds.refused", { ...late, code: "token_expired" }],
    ["holds.attempts", { tenant, hold }],
    ["holds.answer", { tenant, hold, nonce: reject.nonce }],
    ["holds.approval", { tenant, hold }],
    ["holds.decide", { ...attempt("approve", ann), hold: left!.input.draft }],
    ["holds.decide", { ...attempt("cancel", author), hold: queued!.input.draft }],
    ["inbound.decide", mail],
    ["holds.decide", { ...attempt("approve", ann), hold: mail.input.message }],
    ["holds.timer", timerOf(world, hold, "expire", NOON)],
    ["mailboxes.change", { ...place, address: "boss@acme.example", actor: "postern", at: NOON, ...fresh() }],
    ...[{ mailbox }, { agent: "a" }, { tenant: true } as const].map((each): [OperationName, Args<OperationName>] => [
      "oversight.stop",
      { ...target, target: each, ...fresh() },
    ]),
    ["oversight.stops", { tenant }],
    ["oversight.stop", { ...target, target: { mailbox }, stopped: false, ...fresh() }],
    ["oversight.stop", { ...target, target: { tenant: true }, stopped: false, ...fresh() }],
  ];
}

/** The connection from now on remembers what it is asked to prepare. */
function recordQueries(sqlite: DatabaseSync): Set<string> {
  const queries = new Set<string>();
  const prepare = sqlite.prepare.bind(sqlite);
  sqlite.prepare = (sql) => {
    if (!sql.startsWith("explain")) queries.add(sql);
    return prepare(sql);
  };
  return queries;
}

function planOf(sqlite: DatabaseSync, sql: string): string[] {
  const places = Array.from({ length: sql.split("?").length - 1 }, () => null);
  const steps = sqlite.prepare(`explain query plan ${sql}`).all(...places);
  return steps.map((step) => String(step["detail"]));
}

/** Counting the rows of a limited subquery reads that, not the table; a query of two subqueries has one row of its own. */
const NO_TABLE = ["SCAN counted", "SCAN CONSTANT ROW"];

function isScan(step: string): boolean {
  return (step.startsWith("SCAN") && !NO_TABLE.includes(step)) || step.includes("USE TEMP B-TREE FOR ORDER BY");
}

/** Sorts what is few by nature: the addresses on one page, the decisions on one message, who approved one draft. */
function sortsFew(sql: string): boolean {
  const few = [
    'order by "is_final" desc',
    'from "decisions" where "message" = ?',
    'from "addresses" where "mailbox" in',
    'inner join "addresses" on "addresses"."mailbox" = "mailboxes"."id" where',
    'from "approvals" where "hold" = ?',
  ];
  return few.some((part) => sql.includes(part));
}
