import { join } from "node:path";
import type { Config } from "./config.ts";
import type { Store } from "./store/contract.ts";
import { createPostgresStore } from "./store/postgres/store.ts";
import { createSqliteStore } from "./store/sqlite/store.ts";

/** The embedded file in the data directory, or with POSTERN_DATABASE_URL that database; then there is no file. */
export function openStore({ database, dataDir }: Pick<Config, "database" | "dataDir">): Promise<Store> {
  return database === undefined ? createSqliteStore({ path: join(dataDir, "postern.db") }) : createPostgresStore({ target: database });
}
