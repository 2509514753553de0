import { expect, it, onTestFinished } from "vitest";
import { MIGRATIONS } from "../../../src/store/migrations/list.ts";
import { schemaOf } from "../../../src/store/postgres/open.ts";
import { createPostgresStore } from "../../../src/store/postgres/store.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/target.ts";
import { inServer } from "../../support/postgres/database.ts";
import { openRows } from "../../support/postgres/rows.ts";
import { startPostgres } from "../../support/postgres/server.ts";
import { openDatabase, openPool } from "./world.ts";

it("five processes that start at once on an empty database make its schema once", async () => {
  const { url, target } = await openDatabase("empty");
  expect(await schemaOf(target)).toBe(0);
  const stores = await Promise.all(Array.from({ length: 5 }, () => openPool(target)));
  for (const store of stores) expect(await store.run("store.ping", {})).toEqual({ ok: true });
  expect(openRows(url).prepare("select number from migrations order by number").all()).toEqual(
    MIGRATIONS.map(({ number }) => ({ number })),
  );
  expect(await schemaOf(target)).toBe(MIGRATIONS.length);
});

// The server of the test run speaks English, in which `a` comes before `B`.
it("texts are compared byte by byte, whatever language the database speaks", async () => {
  const { url } = await openDatabase();
  const rows = openRows(url);
  for (const name of ["a", "B", "ä"]) rows.prepare("insert into secrets values (?, '')").run(name);
  expect(rows.prepare("select name from secrets order by name").all()).toEqual([{ name: "B" }, { name: "a" }, { name: "ä" }]);
});

it("a database that a newer version wrote is refused, and stays as it was", async () => {
  const { url, target } = await openDatabase();
  openRows(url)
    .prepare("insert into migrations values (?, 'of tomorrow')")
    .run(MIGRATIONS.length + 1);
  await expect(createPostgresStore({ target })).rejects.toMatchObject({
    code: "invalid_config",
    message: `the database has schema ${MIGRATIONS.length + 1}, this version knows up to ${MIGRATIONS.length}`,
    fix: expect.stringContaining("start the version that wrote it or a newer one"),
  });
});

it("a server older than 15 is refused", async () => {
  const { url, target } = await openDatabase("empty");
  const schema = "create schema old; create function old.current_setting(text) returns text language sql as $$ select '140011' $$";
  await inServer(url, schema);
  await inServer(url, `alter database ${target.database} set search_path = old, pg_catalog`);
  await expect(createPostgresStore({ target })).rejects.toMatchObject({
    code: "invalid_config",
    message: "the database server is PostgreSQL 14, which is too old",
    fix: "use PostgreSQL 15 or newer",
  });
});

it("a standby is refused, and the primary asked for", async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  await server.halt();
  await server.resume("standby");
  await expect(createPostgresStore({ target: parseDatabaseUrl(server.url) })).rejects.toMatchObject({
    code: "invalid_config",
    message: "the database server is a standby, which can only be read",
    fix: "name the primary in POSTERN_DATABASE_URL, not a standby",
  });
});

it("a database that is kept from being written is refused, as is every write once it is", async () => {
  const { url, target } = await openDatabase();
  const store = await openPool(target);
  await inServer(url, `alter database ${target.database} set default_transaction_read_only = on`);
  await expect(createPostgresStore({ target })).rejects.toMatchObject({
    code: "invalid_config",
    message: `the database \`${target.database}\` can only be read: default_transaction_read_only is on`,
    fix: expect.stringContaining("reset default_transaction_read_only"),
  });
  await expect(store.run("secrets.put", { name: "a", sealed: "" })).rejects.toMatchObject({ code: "unavailable", temporary: true });
  expect(await store.run("secrets.get", { name: "a" })).toBeNull();
});

it("a database in another encoding than UTF-8 is refused", async () => {
  const { url } = await openDatabase("empty");
  const name = `latin_${Date.now()}`;
  await inServer(url, `create database ${name} encoding 'LATIN1' locale 'C' locale_provider 'libc' template template0`);
  const { target } = await openDatabase("empty");
  await expect(createPostgresStore({ target: { ...target, database: name } })).rejects.toMatchObject({
    code: "invalid_config",
    message: "the database is encoded in LATIN1",
  });
  await inServer(url, `drop database ${name}`);
});

it.each([
  ["no server", { port: 1 }, "see that it runs"],
  ["another password", { password: "not-this-one" }, "correct user and password"],
  ["no such database", { database: "absent" }, "create the database"],
  ["no TLS there", { sslmode: "verify-full" }, "over TLS"],
] as const)("%s: says the way out, and no password", async (_, wrong, fix) => {
  const { target } = await openDatabase("empty");
  const failure: unknown = await createPostgresStore({ target: { ...target, ...wrong } }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "invalid_config", fix: expect.stringContaining(fix) });
  const shown = JSON.stringify(failure, Object.getOwnPropertyNames(failure));
  for (const secret of [target.password!, "not-this-one"]) expect(shown).not.toContain(secret);
});

it("who may not make tables is told so", async () => {
  const { url, target } = await openDatabase("empty");
  const user = `guest_${target.database}`;
  await inServer(url, `create role ${user} login password 'guest'`);
  const guest = { ...target, user, password: "guest" };
  await expect(createPostgresStore({ target: guest })).rejects.toMatchObject({
    code: "invalid_config",
    fix: expect.stringContaining("owner"),
  });
  await inServer(url, `drop role ${user}`);
});
