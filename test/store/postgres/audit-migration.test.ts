import { Client } from "pg";
import { expect, it } from "vitest";
import { MIGRATIONS } from "../../../src/store/migrations/list.ts";
import { migrate } from "../../../src/store/postgres/migrate.ts";
import { OLD_ENTRIES, OLD_FOUND } from "../old-entries.ts";
import { openDatabase } from "./world.ts";

it("entries of an older schema can be looked up after it, and are still only appended", async () => {
  const { url } = await openDatabase("empty");
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await migrate(client, MIGRATIONS.slice(0, 4));
    for (const statement of OLD_ENTRIES) await client.query(statement);
    await migrate(client, MIGRATIONS);
    const { rows } = await client.query("select id, action, mailbox from audit_entries order by id");
    expect(rows).toEqual(OLD_FOUND);
    await expect(client.query("update audit_entries set action = 'decision'")).rejects.toThrow("only appended");
    await expect(client.query("truncate audit_entries cascade")).rejects.toThrow("only appended");
  } finally {
    await client.end();
  }
});
