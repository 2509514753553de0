import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Job } from "../../src/store/sqlite/jobs.ts";
import { readJobs, writeJobs, type Connection } from "../../src/store/sqlite/jobs.ts";
import { MIGRATIONS } from "../../src/store/migrations/list.ts";
import { kyselyOver } from "../../src/store/sqlite/dialect.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { openReader, openWriter } from "../../src/store/sqlite/open.ts";
import { newId, NOON } from "./samples.ts";
import { tempDirectory } from "./world.ts";

async function openWriterConnection(): Promise<{ connection: Connection; path: string }> {
  const path = join(await tempDirectory(), "postern.db");
  const sqlite = openWriter(path);
  migrate(sqlite, MIGRATIONS);
  onTestFinished(() => sqlite.close());
  return { connection: { sqlite, db: kyselyOver(sqlite) }, path };
}

let lastId = 0;
function createTenant(name: string): Job {
  return { id: ++lastId, name: "tenants.create", args: { id: newId("ten"), name, at: NOON } };
}

it("one operation that fails takes nothing from its neighbours", async () => {
  const { connection } = await openWriterConnection();
  const first = createTenant("first");
  const broken: Job = { id: ++lastId, name: "tenants.create", args: { ...(first.args as object), name: "same id again" } };
  const jobs = [first, broken, createTenant("third"), { id: ++lastId, name: "no.such" as Job["name"], args: {} }, createTenant("fifth")];
  const { answers } = await writeJobs(connection, jobs);
  expect(answers.map(({ id, ok }) => [id, ok])).toEqual(jobs.map(({ id }, index) => [id, index % 2 === 0]));
  expect(answers[1]).toMatchObject({ fault: { code: "conflict", temporary: false } });
  expect(answers[3]).toMatchObject({ fault: { code: "internal" } });
  expect(names(connection)).toEqual(["fifth", "first", "third"]);
});

it("what was done beside one that fails is done once", async () => {
  const { connection } = await openWriterConnection();
  const tenant = newId("ten");
  await writeJobs(connection, [{ id: ++lastId, name: "tenants.create", args: { id: tenant, name: "tenant", at: NOON } }]);
  const append = (): Job => {
    const entry = { id: newId("aud"), tenant, at: NOON, action: "test", actor: "test", message: null, mailbox: null, facts: {} };
    return { id: ++lastId, name: "audit.append", args: { ...entry, details: {}, salt: "salt", retentionDays: 1 } };
  };
  const create = createTenant("once");
  const { answers } = await writeJobs(connection, [
    append(),
    create,
    { ...create, id: ++lastId, args: { ...(create.args as object), name: "another" } },
    append(),
  ]);
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, false, true]);
  expect(connection.sqlite.prepare("select count(*) as count from audit_entries").get()).toEqual({ count: 2 });
  expect(connection.sqlite.isTransaction).toBe(false);
});

it("when the disk is full, what was answered as done is there, and the rest was refused as temporary", async () => {
  const { connection } = await openWriterConnection();
  const { page_count } = connection.sqlite.prepare("pragma page_count").get() as { page_count: number };
  connection.sqlite.exec(`pragma max_page_count = ${page_count + 6}`);
  const jobs = Array.from({ length: 40 }, (_, index) => createTenant(`${index}`.padEnd(2000, "x")));
  const { answers } = await writeJobs(connection, jobs);
  const done = answers.filter(({ ok }) => ok).map(({ id }) => (jobs.find((job) => job.id === id)!.args as { name: string }).name);
  const refused = answers.filter(({ ok }) => !ok);
  expect(answers).toHaveLength(jobs.length);
  expect(refused.length).toBeGreaterThan(0);
  for (const answer of refused) expect(answer).toMatchObject({ fault: { code: "unavailable", temporary: true } });
  expect(names(connection)).toEqual(done.toSorted());
  connection.sqlite.exec(`pragma max_page_count = ${page_count + 600}`);
  expect((await writeJobs(connection, [createTenant("later")])).answers).toMatchObject([{ ok: true }]);
});

it("when the commit cannot be made every operation of the batch is refused as temporary", async () => {
  const { connection } = await openWriterConnection();
  // A deferred constraint is checked by COMMIT and nowhere else.
  connection.sqlite.exec(
    `create table later (tenant text references tenants (id) deferrable initially deferred) strict;
     create trigger breaks after insert on tenants begin insert into later values ('nobody'); end`,
  );
  const { answers, touched } = await writeJobs(connection, [createTenant("a"), createTenant("b")]);
  for (const answer of answers) expect(answer).toMatchObject({ ok: false, fault: { code: "unavailable", temporary: true } });
  expect(touched).toEqual([]);
  expect(names(connection)).toEqual([]);
});

it("a read-only connection cannot be written through", async () => {
  const { path } = await openWriterConnection();
  const sqlite = openReader(path);
  onTestFinished(() => sqlite.close());
  const { answers } = await readJobs({ sqlite, db: kyselyOver(sqlite) }, [createTenant("a")]);
  expect(answers).toMatchObject([{ ok: false, fault: { code: "unavailable" } }]);
});

function names({ sqlite }: Connection): unknown[] {
  return sqlite
    .prepare("select name from tenants order by name")
    .all()
    .map((row) => row["name"]);
}
