import { inject, onTestFinished } from "vitest";
import type { Store } from "../../../src/store/contract.ts";
import { createPostgresStore } from "../../../src/store/postgres/store.ts";
import { parseDatabaseUrl, type DatabaseTarget } from "../../../src/store/postgres/target.ts";
import { createDatabase } from "../../support/postgres/database.ts";

/** A database of its own, removed after the test; `empty`: as before the first start. */
export async function openDatabase(
  kind: "migrated" | "empty" = "migrated",
): Promise<{ readonly url: string; readonly target: DatabaseTarget }> {
  const server = inject("postgres");
  if ("missing" in server) throw new Error(server.missing);
  const { url, drop } = await createDatabase(server.url, kind === "empty" ? null : server.template);
  onTestFinished(drop);
  return { url, target: parseDatabaseUrl(url) };
}

/** One process's way to that database. */
export async function openPool(target: DatabaseTarget): Promise<Store> {
  const store = await createPostgresStore({ target });
  onTestFinished(() => store.close());
  return store;
}
