import type { Store } from "../../src/store/contract.ts";
import { createPostgresStore } from "../../src/store/postgres/store.ts";
import { parseDatabaseUrl } from "../../src/store/postgres/target.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { startPostgres } from "../support/postgres/server.ts";

/** On which store a measurement is carried out. */
export type Engine = "sqlite" | "postgres";

/** Behind the name of what is measured on the embedded store. */
export function nameOn(engine: Engine, name: string): string {
  return engine === "sqlite" ? name : `${name}-postgres`;
}

/** For as long as `use` takes: a server of its own, every commit on the disk, whose processor time is nobody's. Null: embedded. */
export async function withDatabase<T>(engine: Engine, use: (url: string | null) => Promise<T>): Promise<T> {
  if (engine === "sqlite") return use(null);
  const server = await startPostgres();
  try {
    return await use(server.url);
  } finally {
    await server.stop();
  }
}

export function openStore(url: string | null, path: string): Promise<Store> {
  return url === null ? createSqliteStore({ path }) : createPostgresStore({ target: parseDatabaseUrl(url) });
}
