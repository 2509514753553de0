import { expect, it } from "vitest";
import { toPostgres } from "../../../src/store/postgres/ddl.ts";

it("a table means the same there: 64 bits, bytes in their order, literals and comments as they are", () => {
  const [table] = toPostgres(`create table t (
    id text primary key, -- an integer it is not
    kind text not null check (kind in ('text', 'integer')),
    n integer not null default 0
  ) strict, without rowid`);
  expect(table).toBe(`create table t (
    id text collate "C" primary key, -- an integer it is not
    kind text collate "C" not null check (kind in ('text', 'integer')),
    n bigint not null default 0
  )`);
});

it("a trigger that refuses refuses there too, and what it forbids to delete is not truncated either", () => {
  expect(
    toPostgres(
      `create trigger kept before update on t\n  when not (new.a = '' and new.b = old.b)\n  begin select raise(abort, 'it''s kept'); end`,
    ),
  ).toEqual([
    "create trigger kept before update on t for each row when (not (new.a = '' and new.b = old.b)) execute function postern_refuse('it''s kept')",
  ]);
  expect(toPostgres("create trigger kept before delete on t begin select raise(abort, 'kept'); end")).toEqual([
    "create trigger kept before delete on t for each row execute function postern_refuse('kept')",
    "create trigger kept_all before truncate on t for each statement execute function postern_refuse('kept')",
  ]);
});

it("a trigger that writes writes there too", () => {
  expect(
    toPostgres("create trigger counted after update on t when new.a <> old.a begin update u set n = 1; insert into u values (1); end"),
  ).toEqual([
    "create function counted() returns trigger language plpgsql as $$ begin update u set n = 1; insert into u values (1); return null; end $$",
    "create trigger counted after update on t for each row when (new.a <> old.a) execute function counted()",
  ]);
});

it("only SQLite's REPLACE needs a trigger before an insert", () => {
  const trigger =
    "create trigger kept before insert on t when exists (select 1 from t where id = new.id) begin select raise(abort, 'kept'); end";
  expect(toPostgres(trigger)).toEqual([]);
});

it("a trigger is dropped by its name alone, with the one that stands beside it there", () => {
  const [drop] = toPostgres("drop trigger kept");
  expect(drop).toContain("tgname in ('kept', 'kept_all')");
});

it.each([
  "drop trigger kept on t",
  "create trigger t before update on t begin update u set a = 1; end",
  "create trigger t after update of a on t begin update u set a = 1; end",
  "create trigger t after insert on t when new.a glob 'x*' begin update u set a = 1; end",
  "create trigger t after insert on t begin insert or ignore into u values (1); end",
  "create table t (id integer primary key autoincrement) strict",
  "create index i on t (a collate nocase)",
  "insert into t select json_extract(a, '$.b') from u",
  "pragma foreign_keys = off",
])("what has no counterpart is refused: %s", (statement) => {
  expect(() => toPostgres(statement)).toThrow("no counterpart in PostgreSQL");
});
