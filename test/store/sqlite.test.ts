import { spawn } from "node:child_process";
import { readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import type { MessageId, TenantId } from "../../src/model/ids.ts";
import { MIGRATIONS } from "../../src/store/migrations/list.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { LATER_SENDS, MINUTES_FOUND, OLD_ENTRIES, OLD_FOUND, OLD_SENDS } from "./old-entries.ts";
import { newId, NOON } from "./samples.ts";
import { openStore, tempDirectory } from "./world.ts";

const CHILD = fileURLToPath(new URL("./writing-child.ts", import.meta.url));

/** Lets a child process write until it has acknowledged `count` messages, then kills it without warning. */
async function writeAndKill(path: string, count: number): Promise<{ tenant: TenantId; acknowledged: MessageId[] }> {
  const child = spawn(process.execPath, [CHILD, path], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let tenant: TenantId | null = null;
  const acknowledged: MessageId[] = [];
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith("tenant ")) tenant = line.slice("tenant ".length) as TenantId;
    else acknowledged.push(line as MessageId);
    if (acknowledged.length === count) child.kill("SIGKILL");
  }
  await ended;
  return { tenant: tenant!, acknowledged };
}

it("a process killed in the middle of writing loses nothing it acknowledged, and leaves nothing half written", async () => {
  const path = join(await tempDirectory(), "postern.db");
  const { tenant, acknowledged } = await writeAndKill(path, 300);
  expect(acknowledged.length).toBeGreaterThanOrEqual(300);
  const store = await createSqliteStore({ path });
  onTestFinished(() => store.close());
  for (const message of acknowledged) {
    expect(await store.run("decisions.final", { message, stage: "inbound" })).toMatchObject({ outcome: "delivered" });
    expect(await store.run("messages.get", { tenant, id: message, view: "agent" })).not.toBeNull();
    expect(await store.run("audit.of_message", { tenant, message })).toHaveLength(1);
  }
  const connection = new DatabaseSync(path, { readOnly: true });
  const counts = ["messages", "decisions", "audit_entries", "audit_private"].map(
    (table) => connection.prepare(`select count(*) as count from ${table}`).get()!["count"],
  );
  expect(new Set(counts).size).toBe(1);
  expect(connection.prepare("select count(*) as count from ledger").get()!["count"]).toBe(2 * Number(counts[0]));
  expect(connection.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
  connection.close();
});

it("a second store on the same database is refused with a way out, from this process and from another", async () => {
  const { path, store } = await openStore();
  const refused = { code: "invalid_config", message: `another postern is using the database \`${path}\`` };
  await expect(createSqliteStore({ path })).rejects.toMatchObject(refused);
  const child = spawn(process.execPath, [CHILD, path], { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  for await (const chunk of child.stderr) complaint += String(chunk);
  expect(complaint).toContain("another postern is using the database");
  await store.close();
  const next = await createSqliteStore({ path });
  await next.close();
});

it("a database that newer code has been at is refused", async () => {
  const path = join(await tempDirectory(), "postern.db");
  const connection = new DatabaseSync(path);
  migrate(connection, [...MIGRATIONS, { number: MIGRATIONS.length + 1, name: "from the future", statements: [] }]);
  connection.close();
  await expect(createSqliteStore({ path })).rejects.toMatchObject({
    code: "invalid_config",
    message: `the database has schema ${MIGRATIONS.length + 1}, this version knows up to ${MIGRATIONS.length}`,
  });
  // Refused means let go: nothing holds the lock.
  await expect(createSqliteStore({ path })).rejects.toMatchObject({ code: "invalid_config", message: expect.stringContaining("schema") });
});

it("migrations are numbered from 1 without gaps, run once and in one transaction", async () => {
  expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  const connection = new DatabaseSync(join(await tempDirectory(), "postern.db"));
  const broken = { number: MIGRATIONS.length + 1, name: "broken", statements: ["create table half (a integer) strict", "nonsense"] };
  expect(() => migrate(connection, [...MIGRATIONS, broken])).toThrow("syntax error");
  expect(connection.prepare("select name from sqlite_master").all()).toEqual([]);
  migrate(connection, MIGRATIONS);
  migrate(connection, MIGRATIONS);
  expect(connection.prepare("select number, name from migrations").all()).toEqual(MIGRATIONS.map(({ number, name }) => ({ number, name })));
  connection.close();
});

it("entries of an older schema can be looked up after it, and are still only appended", async () => {
  const connection = new DatabaseSync(join(await tempDirectory(), "postern.db"));
  migrate(connection, MIGRATIONS.slice(0, 4));
  for (const statement of OLD_ENTRIES) connection.exec(statement);
  migrate(connection, MIGRATIONS);
  expect(connection.prepare("select id, action, mailbox from audit_entries order by id").all()).toEqual(OLD_FOUND);
  expect(() => connection.exec("update audit_entries set action = 'decision'")).toThrow("only appended");
  connection.close();
});

it("NY-13 what was sent before it was counted is counted after it, and by whatever code it is changed", async () => {
  const connection = new DatabaseSync(join(await tempDirectory(), "postern.db"));
  migrate(connection, MIGRATIONS.slice(0, 6));
  for (const statement of OLD_SENDS) connection.exec(statement);
  migrate(connection, MIGRATIONS);
  for (const statement of LATER_SENDS) connection.exec(statement);
  const minutes = connection
    .prepare("select mailbox, minute, number from sends_by_minute where number <> 0 order by mailbox, minute")
    .all();
  expect(minutes).toEqual(MINUTES_FOUND);
  connection.close();
});

it("every table is strict", async () => {
  const { path } = await openStore();
  const connection = new DatabaseSync(path, { readOnly: true });
  const loose = connection.prepare("select name from pragma_table_list where schema = 'main' and type = 'table' and strict = 0").all();
  expect(loose.filter((row) => !String(row["name"]).startsWith("sqlite_"))).toEqual([]);
  connection.close();
});

it("what was written is there after a restart", async () => {
  const path = join(await tempDirectory(), "postern.db");
  const first = await createSqliteStore({ path });
  const id = newId("ten");
  await first.run("tenants.create", { id, name: "kept", at: NOON });
  await first.close();
  const second = await createSqliteStore({ path });
  expect(await second.run("tenants.first", {})).toEqual({ id, name: "kept", created_at: NOON });
  await second.close();
});

it("closing carries out what was asked before and refuses what comes after", async () => {
  const { store } = await openStore();
  const asked = Array.from({ length: 50 }, (_, index) => store.run("tenants.create", { id: newId("ten"), name: `${index}`, at: NOON }));
  const closed = store.close();
  expect(await Promise.all(asked)).toHaveLength(50);
  await closed;
  await expect(store.run("store.ping", {})).rejects.toMatchObject({ code: "unavailable", temporary: true });
});

it("a directory that is not there and a file that is no database are refused", async () => {
  const directory = await tempDirectory();
  await expect(createSqliteStore({ path: join(directory, "absent", "postern.db") })).rejects.toMatchObject({ code: "invalid_config" });
  const path = join(directory, "letter.db");
  await writeFile(path, "this is not a database, but a letter that is long enough to have a header of its own".repeat(20));
  await expect(createSqliteStore({ path })).rejects.toMatchObject({ code: "invalid_config", detail: "file is not a database" });
});

it("more operations than may wait are refused as temporary", async () => {
  const store = await createSqliteStore({ path: join(await tempDirectory(), "postern.db"), mostWaiting: 5 });
  onTestFinished(() => store.close());
  const calls = await Promise.allSettled(Array.from({ length: 8 }, () => store.run("store.ping", {})));
  expect(calls.map(({ status }) => status)).toEqual([...Array(5).fill("fulfilled"), ...Array(3).fill("rejected")]);
});

it("the files of a new database are for nobody but their owner, whatever the directory allows", async () => {
  const { store, path } = await openStore();
  await store.run("tenants.create", { id: newId("ten"), name: "acme", at: NOON });
  const directory = dirname(path);
  const files = (await readdir(directory)).filter((name) => name.startsWith("postern.db") && !name.includes("lock"));
  expect(files).toEqual(expect.arrayContaining(["postern.db", "postern.db-wal", "postern.db-shm"]));
  for (const name of files) expect([name, (await stat(join(directory, name))).mode & 0o077]).toEqual([name, 0]);
});
