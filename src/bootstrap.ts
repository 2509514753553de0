import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { accessKey, makeKey } from "./grants/key.ts";
import { identityKey, IDENTITY_SEED_BYTES, type IdentityKey } from "./grants/identity-key.ts";
import { createSealer, type Sealer } from "./grants/seal.ts";
import { grantKey, type GrantKey } from "./grants/sign.ts";
import { createTickets } from "./grants/ticket.ts";
import { PosternError } from "./model/errors.ts";
import { makeId } from "./model/ids.ts";
import type { Tickets } from "./model/ticket.ts";
import type { Scope, Store, TenantRow } from "./store/contract.ts";

/** Names of the sealed seeds in the store: Ed25519 for grants, P-256 for identity headers. */
const SIGNING_KEY = "signing-key";
const IDENTITY_KEY = "identity-key";
const SECRET_FILE = "secret.key";
const ADMIN_FILE = "admin.key";
const FIRST_TENANT = "default";
const FIRST_KEY_NAME = "first operator and admin key";
/** Everything but `send`: whoever decides about mail does not write it. */
const FIRST_KEY_SCOPES: readonly Scope[] = ["read", "oversight", "admin", "operator"];
/** Visible ASCII, as it has to travel in a header. */
const ADMIN_KEY_FORM = /^[\x21-\x7e]{16,200}$/;

export interface BootstrapOptions {
  readonly store: Store;
  /** `POSTERN_DATA`; made when absent. */
  readonly dataDir: string;
  /** `POSTERN_ADMIN_KEY`: 16 to 200 visible ASCII characters. A new value adds a key; the old one stays until revoked. */
  readonly adminKey?: string;
  /** `POSTERN_SECRET_KEY`: at least 32 characters, random. */
  readonly secretKey?: string;
  /** False: another process admits the first operator, and no key is made or taken here. Default true. */
  readonly admits?: boolean;
  /** `iss` of grants. Default `postern`. */
  readonly issuer?: string;
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

export interface Bootstrapped {
  /** The first tenant of the instance. */
  readonly tenant: TenantRow;
  readonly grants: GrantKey;
  /** Signs the identity header of mail that leaves (MM-18). */
  readonly identity: IdentityKey;
  /** Seals and opens secrets that the store keeps, such as DKIM keys. */
  readonly sealer: Sealer;
  /** For the inputs of workflows: doors make them, workers check them. */
  readonly tickets: Tickets;
  /** Where the first operator and admin key is: given by the environment, in this file, or neither (the file was taken away). */
  readonly adminKey: { readonly from: "environment" } | { readonly from: "file"; readonly path: string } | { readonly from: "elsewhere" };
}

/**
 * What an instance needs before its first request; idempotent, so every start calls it and a start that was cut off is
 * finished by the next one. Throws `invalid_config` when the secret key is not the one the database was made with.
 *
 * Threat: whoever reads `admin.key` is the operator, whoever reads `secret.key` and the database can sign grants; both are 0600.
 */
export async function bootstrap(options: BootstrapOptions): Promise<Bootstrapped> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const { grants, identity, sealer, tickets } = await secrets(options);
  const known = await options.store.run("tenants.first", {});
  // The key's file comes before the tenant: a start cut off in between must not leave a tenant nobody can enter.
  const admin = await adminKey(options, known === null);
  const tenant = known ?? (await firstTenant(options));
  if (admin.from !== "elsewhere") await ensureKey(options, tenant, admin);
  return { tenant, grants, identity, sealer, tickets, adminKey: withoutKey(admin) };
}

async function secrets(options: BootstrapOptions): Promise<Pick<Bootstrapped, "grants" | "identity" | "sealer" | "tickets">> {
  const kept = await options.store.run("secrets.get", { name: SIGNING_KEY });
  const key = await secretKey(options, kept !== null);
  const sealer = createSealer(key, options.random);
  const grants = grantKey(await seedOf(options, sealer, SIGNING_KEY, () => options.random(32)), options.issuer ?? "postern");
  const identity = identityKey(await seedOf(options, sealer, IDENTITY_KEY, () => identitySeed(options)));
  if (identity === null) throw new PosternError("internal", "the identity key in the store is none");
  return { grants, identity, sealer, tickets: createTickets(key) };
}

/** The store keeps the first one, so two starts at once agree. */
async function seedOf({ store }: BootstrapOptions, sealer: Sealer, name: string, make: () => Uint8Array): Promise<Uint8Array> {
  const kept = await store.run("secrets.get", { name });
  return sealer.open(name, kept ?? (await store.run("secrets.put", { name, sealed: sealer.seal(name, make()) })));
}

function identitySeed({ random }: BootstrapOptions): Uint8Array {
  for (;;) {
    const seed = random(IDENTITY_SEED_BYTES);
    if (identityKey(seed) !== null) return seed;
  }
}

async function secretKey(options: BootstrapOptions, needed: boolean): Promise<string> {
  const path = join(options.dataDir, SECRET_FILE);
  const given = options.secretKey ?? (await readKeyFile(path));
  if (given !== null) return given;
  if (needed) throw secretKeyMissing(path);
  return makeKeyFile(path, Buffer.from(options.random(32)).toString("base64url"));
}

type AdminKey = { from: "environment"; key: string } | { from: "file"; path: string; key: string } | { from: "elsewhere" };

async function adminKey(options: BootstrapOptions, first: boolean): Promise<AdminKey> {
  if (options.admits === false) return { from: "elsewhere" };
  if (options.adminKey !== undefined) return { from: "environment", key: checkedAdminKey(options.adminKey) };
  const path = join(options.dataDir, ADMIN_FILE);
  const kept = await readKeyFile(path);
  if (kept !== null) return { from: "file", path, key: kept };
  if (!first) return { from: "elsewhere" };
  return { from: "file", path, key: await makeKeyFile(path, makeKey(options.random).key) };
}

function checkedAdminKey(key: string): string {
  if (ADMIN_KEY_FORM.test(key)) return key;
  throw new PosternError("invalid_config", "POSTERN_ADMIN_KEY must be 16 to 200 visible ASCII characters", {
    fix: "leave it out and Postern makes one in the data directory, or make one with `openssl rand -hex 20`",
  });
}

async function firstTenant({ store, clock, random }: BootstrapOptions): Promise<TenantRow> {
  const made = await store.run("tenants.create", { id: makeId("ten", random(16)), name: FIRST_TENANT, at: clock() });
  if (!("conflict" in made)) return made;
  // Another process was quicker.
  const other = await store.run("tenants.first", {});
  if (other === null) throw new PosternError("internal", "the first tenant was made and cannot be read");
  return other;
}

async function ensureKey(options: BootstrapOptions, tenant: TenantRow, admin: Exclude<AdminKey, { from: "elsewhere" }>): Promise<void> {
  const { hash, masked } = accessKey(admin.key);
  const found = await options.store.run("keys.find", { hash });
  if (found === null) await createKey(options, tenant, hash, masked);
  else if (found.revoked_at !== null && admin.from === "environment") throw adminKeyRevoked();
}

async function createKey({ store, clock, random }: BootstrapOptions, tenant: TenantRow, hash: string, masked: string): Promise<void> {
  const id = makeId("key", random(16));
  const row = { id, tenant: tenant.id, name: FIRST_KEY_NAME, scopes: FIRST_KEY_SCOPES, mailboxes: null, masked, created_at: clock(), hash };
  try {
    await store.run("keys.create", row);
  } catch (error) {
    // Another process that started with the same key was quicker.
    if (!(error instanceof PosternError) || error.code !== "conflict") throw error;
  }
}

function withoutKey(admin: AdminKey): Bootstrapped["adminKey"] {
  return admin.from === "file" ? { from: "file", path: admin.path } : { from: admin.from };
}

async function readKeyFile(path: string): Promise<string | null> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw unreadable(path, error);
  });
  if (text?.trim() === "")
    throw new PosternError("invalid_config", `\`${path}\` is empty`, { fix: "put the key back, or remove the file" });
  return text?.trim() ?? null;
}

/** Whole or not at all, and on disk before anything depends on it. */
async function makeKeyFile(path: string, key: string): Promise<string> {
  const temporary = `${path}.${process.pid}.tmp`;
  await using file = await open(temporary, "w", 0o600);
  await file.writeFile(`${key}\n`);
  await file.sync();
  await rename(temporary, path);
  return key;
}

function secretKeyMissing(path: string): PosternError {
  return new PosternError("invalid_config", `this database has sealed secrets and there is no secret key: \`${path}\` is missing`, {
    fix: "put the file back, or set POSTERN_SECRET_KEY to what it was at the first start",
  });
}

function adminKeyRevoked(): PosternError {
  return new PosternError("invalid_config", "POSTERN_ADMIN_KEY is a key that was revoked", { fix: "set another one, or leave it out" });
}

function unreadable(path: string, cause: NodeJS.ErrnoException): PosternError {
  return new PosternError("invalid_config", `\`${path}\` cannot be read (${cause.code ?? "unknown"})`, {
    fix: "make it readable for the account Postern runs as",
    cause,
  });
}
