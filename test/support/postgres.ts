import type { TestProject } from "vitest/node";
import { createPostgresStore } from "../../src/store/postgres/store.ts";
import { parseDatabaseUrl } from "../../src/store/postgres/target.ts";
import { createDatabase, type Database } from "./postgres/database.ts";
import { startPostgres } from "./postgres/server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Set where a file's tests are run on PostgreSQL. */
    storeEngine: "postgres";
    /** The one server of this test run, with a database as the last migration leaves it to be copied; or why there is none. */
    postgres: { readonly url: string; readonly template: string } | { readonly missing: string };
  }
}

/** Runs once before the tests that need PostgreSQL: on that of POSTERN_TEST_DATABASE_URL, else on one of our own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide("storeEngine", "postgres");
  const given = process.env["POSTERN_TEST_DATABASE_URL"];
  const server = given ? { url: given, stop: async () => {} } : await startPostgres().catch((error: Error) => error);
  if (server instanceof Error) {
    project.provide("postgres", { missing: server.message });
    return async () => {};
  }
  const template = await migrated(server.url);
  project.provide("postgres", { url: server.url, template: new URL(template.url).pathname.slice(1) });
  return async () => {
    await template.drop();
    await server.stop();
  };
}

async function migrated(url: string): Promise<Database> {
  const database = await createDatabase(url, null);
  const store = await createPostgresStore({ target: parseDatabaseUrl(database.url) });
  await store.close();
  return database;
}
