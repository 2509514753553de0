import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { MIGRATIONS } from "../../src/store/migrations/list.ts";
import { once } from "../../src/store/once.ts";
import type { SecretsTable } from "../../src/store/schema.ts";
import { kyselyOver } from "../../src/store/sqlite/dialect.ts";
import { migrate } from "../../src/store/sqlite/migrate.ts";
import { openWriter } from "../../src/store/sqlite/open.ts";
import { tempDirectory } from "./world.ts";

async function openDatabase() {
  const sqlite = openWriter(join(await tempDirectory(), "postern.db"));
  migrate(sqlite, MIGRATIONS);
  onTestFinished(() => sqlite.close());
  return kyselyOver(sqlite);
}

it("a query written once runs with the values of each call, on each database, null among them", async () => {
  let written = 0;
  const insert = once((db, row: SecretsTable) => {
    written += 1;
    return db.insertInto("secrets").values(row).returning("sealed");
  });
  const select = once((db, given: { name: string; other: string | null; most: number }) =>
    db
      .selectFrom("secrets")
      .select(["sealed"])
      .where(({ eb, or }) => or([eb("name", "=", given.name), eb("name", "=", given.other)]))
      .orderBy("name")
      .limit(given.most),
  );
  const [first, second] = [await openDatabase(), await openDatabase()];
  expect(await insert(first, { name: "a", sealed: "1" })).toEqual([{ sealed: "1" }]);
  expect(await insert(first, { name: "b", sealed: "2" })).toEqual([{ sealed: "2" }]);
  expect(await insert(second, { name: "a", sealed: "3" })).toEqual([{ sealed: "3" }]);
  expect(written).toBe(2);
  expect(await select(first, { name: "a", other: null, most: 9 })).toEqual([{ sealed: "1" }]);
  expect(await select(first, { name: "a", other: "b", most: 9 })).toEqual([{ sealed: "1" }, { sealed: "2" }]);
  expect(await select(first, { name: "b", other: "a", most: 1 })).toEqual([{ sealed: "1" }]);
  expect(await select(second, { name: "b", other: "a", most: 9 })).toEqual([{ sealed: "3" }]);
});
