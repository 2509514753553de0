import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { MailboxId, TenantId } from "../../src/model/ids.ts";
import type { Store } from "../../src/store/contract.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { atEndOfFile } from "../support/file.ts";
import { addTenant, newDomain } from "./samples.ts";

export async function tempDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postern-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A real store on a real file, closed and removed after the test. */
export async function openStore(): Promise<{ store: Store; path: string }> {
  const path = join(await tempDirectory(), "postern.db");
  const store = await createSqliteStore({ path });
  onTestFinished(() => store.close());
  return { store, path };
}

/** One for a whole test file: each test in it has a tenant of its own. */
let shared: Promise<{ store: Store; path: string }> | null = null;

async function openShared(): Promise<{ store: Store; path: string }> {
  const directory = await mkdtemp(join(tmpdir(), "postern-store-"));
  const path = join(directory, "postern.db");
  const store = await createSqliteStore({ path });
  atEndOfFile(async () => {
    shared = null;
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { store, path };
}

export interface World {
  readonly store: Store;
  readonly path: string;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

/** A tenant of its own with one mailbox, in the store of the test file. */
export async function openWorld(): Promise<World> {
  const { store, path } = await (shared ??= openShared());
  const { tenant, mailbox } = await addTenant(store, newDomain());
  return { store, path, tenant, mailbox };
}
