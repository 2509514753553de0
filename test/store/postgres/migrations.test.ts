import { Client } from "pg";
import { expect, it } from "vitest";
import { MIGRATIONS } from "../../../src/store/migrations/list.ts";
import { migrate } from "../../../src/store/postgres/migrate.ts";
import { LATER_SENDS, MINUTES_FOUND, OLD_ENTRIES, OLD_FOUND, OLD_SENDS } from "../old-entries.ts";
import { openDatabase } from "./world.ts";

async function inEmpty(work: (client: Client, other: Client) => Promise<void>): Promise<void> {
  const { url } = await openDatabase("empty");
  const clients = [new Client({ connectionString: url }), new Client({ connectionString: url })] as const;
  await Promise.all(clients.map((client) => client.connect()));
  try {
    await work(...clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

it("entries of an older schema can be looked up after it, and are still only appended", () =>
  inEmpty(async (client) => {
    await migrate(client, MIGRATIONS.slice(0, 4));
    for (const statement of OLD_ENTRIES) await client.query(statement);
    await migrate(client, MIGRATIONS);
    const { rows } = await client.query("select id, action, mailbox from audit_entries order by id");
    expect(rows).toEqual(OLD_FOUND);
    await expect(client.query("update audit_entries set action = 'decision'")).rejects.toThrow("only appended");
    await expect(client.query("truncate audit_entries cascade")).rejects.toThrow("only appended");
  }));

it("NY-13 what was sent before it was counted is counted after it, and by whatever code it is changed", () =>
  inEmpty(async (client) => {
    await migrate(client, MIGRATIONS.slice(0, 6));
    for (const statement of OLD_SENDS) await client.query(statement);
    await migrate(client, MIGRATIONS);
    for (const statement of LATER_SENDS) await client.query(statement);
    const { rows } = await client.query(
      "select mailbox, minute::int as minute, number::int as number from sends_by_minute where number <> 0 order by mailbox, minute",
    );
    expect(rows).toEqual(MINUTES_FOUND);
  }));

it("NY-13 what an older process is just sending is counted too", () =>
  inEmpty(async (client, older) => {
    await migrate(client, MIGRATIONS.slice(0, 6));
    await older.query("begin");
    await older.query(OLD_SENDS[0]!);
    const migrated = migrate(client, MIGRATIONS);
    await expect.poll(async () => (await older.query("select 1 from pg_locks where not granted")).rows.length).toBeGreaterThan(0);
    await older.query("commit");
    await migrated;
    const { rows } = await client.query("select minute::int as minute, number::int as number from sends_by_minute");
    expect(rows).toEqual([{ minute: 0, number: 1 }]);
  }));
