import { join } from "node:path";
import type { Config } from "./config.ts";
import type { Store } from "./store/contract.ts";
import { createSqliteStore } from "./store/sqlite/store.ts";

/** The embedded file in the data directory, or with POSTERN_DATABASE_URL that database; then there is no file. */
export async function openStore({ database, dataDir }: Pick<Config, "database" | "dataDir">): Promise<Store> {
  if (database === undefined) return createSqliteStore({ path: join(dataDir, "postern.db") });
  // Imported late: the embedded store needs no driver of it.
  const { createPostgresStore } = await import("./store/postgres/store.ts");
  return createPostgresStore({ target: database });
}
