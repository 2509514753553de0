import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject, onTestFinished } from "vitest";
import type { MailboxId, TenantId } from "../../src/model/ids.ts";
import type { Store } from "../../src/store/contract.ts";
import { createPostgresStore } from "../../src/store/postgres/store.ts";
import { parseDatabaseUrl } from "../../src/store/postgres/target.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { atEndOfFile } from "../support/file.ts";
import { createDatabase } from "../support/postgres/database.ts";
import { addTenant, newDomain } from "./samples.ts";

export async function tempDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postern-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A real store on the engine that the file is run on, and where its rows are: a file, or a `postgres://` URL. */
interface Opened {
  readonly store: Store;
  readonly path: string;
}

/** Closed and removed after the test. */
export async function openStore(): Promise<Opened> {
  const { close, ...opened } = await openEngine();
  onTestFinished(close);
  return opened;
}

/** One for a whole test file: each test in it has a tenant of its own. */
let shared: ReturnType<typeof openEngine> | null = null;

async function openShared(): ReturnType<typeof openEngine> {
  const opened = await openEngine();
  atEndOfFile(() => {
    shared = null;
    return opened.close();
  });
  return opened;
}

function openEngine(): Promise<Opened & { close(): Promise<void> }> {
  return inject("storeEngine") === "postgres" ? openPostgres() : openSqlite();
}

async function openSqlite(): ReturnType<typeof openEngine> {
  const directory = await mkdtemp(join(tmpdir(), "postern-store-"));
  const path = join(directory, "postern.db");
  const store = await createSqliteStore({ path });
  const close = async (): Promise<void> => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { store, path, close };
}

async function openPostgres(): ReturnType<typeof openEngine> {
  const server = inject("postgres");
  if ("missing" in server) throw new Error(server.missing);
  const { url, drop } = await createDatabase(server.url, server.template);
  const store = await createPostgresStore({ target: parseDatabaseUrl(url) });
  const close = async (): Promise<void> => {
    await store.close();
    await drop();
  };
  return { store, path: url, close };
}

export interface World extends Opened {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

/** A tenant of its own with one mailbox, in the store of the test file. */
export async function openWorld(): Promise<World> {
  const { store, path } = await (shared ??= openShared());
  const { tenant, mailbox } = await addTenant(store, newDomain());
  return { store, path, tenant, mailbox };
}

/** How often a property is tried: each step is a durable write, and on a server some ten times as long. */
export function runs(times: number): number {
  return inject("storeEngine") === "postgres" ? Math.ceil(times / 8) : times;
}
