import type { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { MailboxId } from "../../src/model/ids.ts";
import type { Args, Page } from "../../src/store/contract.ts";
import type { HoldRow } from "../../src/store/contract-outbound.ts";
import { MIGRATIONS } from "../../src/store/migrations/list.ts";
import { kyselyOver } from "../../src/store/sqlite/dialect.ts";
import { writeJobs } from "../../src/store/sqlite/jobs.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { openWriter } from "../../src/store/sqlite/open.ts";
import { addMailbox, newDomain, newId, NOON, proposalOf } from "./samples.ts";
import { addKey, attemptOf, decide, say, submit } from "./hold-samples.ts";
import { openWorld, tempDirectory, type World } from "./world.ts";

type Wanted = Partial<Args<"holds.list">>;

async function listed(world: World, wanted: Wanted = {}): Promise<readonly string[]> {
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<HoldRow> = await world.store.run("holds.list", {
      tenant: world.tenant,
      limit: 2,
      ...wanted,
      ...(cursor === null ? {} : { cursor }),
    });
    expect(page.items.length).toBeLessThanOrEqual(2);
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return seen;
}

it("MM-10 X-07 what waits is listed newest first, page by page, both directions together or one of them", async () => {
  const world = await openWorld();
  const author = await addKey(world, ["send"]);
  const drafts: string[] = [];
  for (let count = 0; count < 3; count++) drafts.push((await submit(world, author)).id);
  const mail: string[] = [];
  for (const minute of [1, 2]) {
    const proposal = proposalOf(world, { at: NOON + minute, proposal: { outcome: "held" } });
    await world.store.run("inbound.decide", proposal);
    mail.unshift(proposal.input.message);
  }
  const newest = drafts.toSorted().toReversed();
  expect(await listed(world)).toEqual([...mail, ...newest]);
  expect(await listed(world, { direction: "inbound" })).toEqual(mail);
  expect(await listed(world, { direction: "outbound" })).toEqual(newest);
  expect(await listed(await openWorld())).toEqual([]);
});

it("what was decided is no longer listed, and can be asked for by how it ended", async () => {
  const world = await openWorld();
  const author = await addKey(world, ["send"]);
  const ann = await addKey(world, ["oversight"]);
  const [approved, rejected, waiting] = [await submit(world, author), await submit(world, author), await submit(world, author)];
  await decide(world, attemptOf(world, approved.id, "approve", ann));
  const no = attemptOf(world, rejected.id, "reject", ann);
  await say(world, no, "no");
  await decide(world, no);
  expect(await listed(world)).toEqual([waiting.id]);
  expect(await listed(world, { status: "approved" })).toEqual([approved.id]);
  expect(await listed(world, { status: "rejected" })).toEqual([rejected.id]);
  const page = await world.store.run("holds.list", { tenant: world.tenant, limit: 10, status: "approved" });
  expect(page.items).toEqual([await world.store.run("holds.get", { tenant: world.tenant, id: approved.id })]);
  expect(page.items[0]!.approved_by).toEqual([ann]);
});

it("MB-18 a bound key's list has its mailboxes alone", async () => {
  const world = await openWorld();
  const author = await addKey(world, ["send"]);
  const other = { ...world, mailbox: (await addMailbox(world.store, world.tenant, `other@${newDomain()}`)).id };
  const [here, there] = [await submit(world, author), await submit(other, author)];
  expect(await listed(world, { mailboxes: [other.mailbox] })).toEqual([there.id]);
  expect((await listed(world, { mailboxes: [world.mailbox, other.mailbox] })).toSorted()).toEqual([here.id, there.id].toSorted());
  expect(await listed(world, { mailboxes: [other.mailbox], mailbox: world.mailbox })).toEqual([]);
  expect(await listed(world, { mailboxes: [] })).toEqual([]);
  expect(await listed(world, { mailbox: world.mailbox })).toEqual([here.id]);
});

it("DESIGN §10 a page is found in an index and in its order, whatever is asked for", async () => {
  const sqlite = openWriter(join(await tempDirectory(), "postern.db"));
  onTestFinished(() => sqlite.close());
  migrate(sqlite, MIGRATIONS);
  const queries = recordQueries(sqlite);
  const mailboxes: MailboxId[] = [newId("mbx"), newId("mbx"), newId("mbx")];
  const many = Array.from({ length: 51 }, () => newId("mbx"));
  const cursor = Buffer.from(JSON.stringify([NOON, newId("drf")])).toString("base64url");
  const asked: Wanted[] = [
    {},
    { direction: "inbound" },
    { mailboxes },
    { mailboxes, direction: "outbound", cursor },
    { mailboxes: many },
    { mailboxes: many, direction: "outbound", cursor },
    { mailbox: mailboxes[0]! },
    { mailbox: mailboxes[0]!, mailboxes, direction: "outbound", cursor },
    { status: "expired", cursor },
  ];
  for (const wanted of asked) {
    const job = { id: 1, name: "holds.list", args: { tenant: newId("ten"), limit: 50, ...wanted } } as const;
    const { answers } = await writeJobs({ sqlite, db: kyselyOver(sqlite) }, [job]);
    expect(answers).toMatchObject([{ ok: true }]);
  }
  const places = [...queries].filter((sql) => sql.includes('order by "created_at" desc'));
  // A bound key's mailboxes are asked one by one, in the words of a list of one mailbox.
  expect(places).toHaveLength(asked.length - 2);
  for (const sql of places) {
    const values = Array.from({ length: sql.split("?").length - 1 }, () => null);
    const plan = sqlite.prepare(`explain query plan ${sql}`).all(...values);
    const [step, ...more] = plan.map(({ detail }) => String(detail)).filter((detail) => !detail.startsWith("LIST SUBQUERY"));
    expect(step, sql).toMatch(/^SEARCH holds USING COVERING INDEX holds_/);
    expect(more, sql).toEqual([]);
  }
});

function recordQueries(sqlite: DatabaseSync): Set<string> {
  const queries = new Set<string>();
  const prepare = sqlite.prepare.bind(sqlite);
  sqlite.prepare = (sql) => {
    if (!sql.startsWith("explain")) queries.add(sql);
    return prepare(sql);
  };
  return queries;
}
