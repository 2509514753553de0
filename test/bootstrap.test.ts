import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bootstrap, type Bootstrapped, type BootstrapOptions } from "../src/bootstrap.ts";
import { hashKey } from "../src/grants/key.ts";
import type { Store } from "../src/store/contract.ts";
import { createSqliteStore } from "../src/store/sqlite/store.ts";

const SECRET = "0123456789abcdefghjkmnpqrstvwxyz0123456789a";
const ADMIN = "pst_live_operators0own0key0operators0own";

let dir: string;
let store: Store;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-bootstrap-"));
  store = await createSqliteStore({ path: join(dir, "postern.db") });
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

function start(options: Partial<BootstrapOptions> = {}): Promise<Bootstrapped> {
  return bootstrap({ store, dataDir: dir, clock: () => 1_000, random: (bytes) => new Uint8Array(randomBytes(bytes)), ...options });
}

const fileText = async (name: string) => (await readFile(join(dir, name), "utf8")).trim();
const keyRow = (key: string) => store.run("keys.find", { hash: hashKey(key) });

describe("the first start", () => {
  it("makes the tenant `default` and an operator and admin key in a file only the owner reads", async () => {
    const made = await start();
    expect(made.tenant.name).toBe("default");
    expect(made.adminKey).toEqual({ from: "file", path: join(dir, "admin.key") });
    const key = await fileText("admin.key");
    expect(key).toMatch(/^pst_live_[0-9a-z]{32}$/);
    expect(await keyRow(key)).toMatchObject({
      tenant: made.tenant.id,
      scopes: ["read", "oversight", "admin", "operator"],
      mailboxes: null,
    });
    for (const name of ["admin.key", "secret.key"]) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  });

  it("X-01 the first key does not write mail", async () => {
    await start();
    expect((await keyRow(await fileText("admin.key")))?.scopes).not.toContain("send");
  });

  it("takes POSTERN_ADMIN_KEY instead of making a file", async () => {
    expect((await start({ adminKey: ADMIN })).adminKey).toEqual({ from: "environment" });
    expect(await keyRow(ADMIN)).toMatchObject({ masked: "pst_live_…own" });
    await expect(stat(join(dir, "admin.key"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("takes POSTERN_SECRET_KEY instead of making a file", async () => {
    await start({ secretKey: SECRET });
    await expect(stat(join(dir, "secret.key"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it.each(["short", "has a space in the middle of it", "ünïcode-is-not-for-a-header"])("refuses the admin key %j", async (adminKey) => {
    await expect(start({ adminKey })).rejects.toMatchObject({ code: "invalid_config" });
  });
});

describe("every other start", () => {
  it("finds the same tenant, signing key and admin key", async () => {
    const first = await start();
    const again = await start();
    expect(again.tenant).toEqual(first.tenant);
    expect(again.grants.kid).toBe(first.grants.kid);
    expect(again.identity).toEqual(first.identity);
    expect(again.sealer.open("a", first.sealer.seal("a", Buffer.from("secret"))).toString()).toBe("secret");
    expect(again.adminKey).toEqual(first.adminKey);
  });

  it("two first starts at once agree on tenant and signing key", async () => {
    const [one, other] = await Promise.all([start({ secretKey: SECRET, adminKey: ADMIN }), start({ secretKey: SECRET, adminKey: ADMIN })]);
    expect(one.tenant.id).toBe(other.tenant.id);
    expect(one.grants.kid).toBe(other.grants.kid);
    expect(one.identity).toEqual(other.identity);
  });

  it("another secret key is a clear error, not a new signing key", async () => {
    await start({ secretKey: SECRET });
    await expect(start({ secretKey: SECRET.replace("0", "9") })).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("does not open") as string,
    });
  });

  it("a lost secret key is a clear error, and no new file is made in its place", async () => {
    await start();
    await rm(join(dir, "secret.key"));
    await expect(start()).rejects.toMatchObject({ code: "invalid_config", message: expect.stringContaining("is missing") as string });
    await expect(stat(join(dir, "secret.key"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("an emptied key file is a clear error", async () => {
    await start();
    await writeFile(join(dir, "secret.key"), "\n");
    await expect(start()).rejects.toMatchObject({ code: "invalid_config", message: expect.stringContaining("is empty") as string });
  });

  it("a start that was cut off after the key file is finished by the next one", async () => {
    await writeFile(join(dir, "admin.key"), `${ADMIN}\n`);
    await start();
    expect(await keyRow(ADMIN)).toMatchObject({ scopes: ["read", "oversight", "admin", "operator"] });
  });

  it("an admin key file that was taken away stays away", async () => {
    await start();
    await rm(join(dir, "admin.key"));
    expect((await start()).adminKey).toEqual({ from: "elsewhere" });
    await expect(stat(join(dir, "admin.key"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("a new POSTERN_ADMIN_KEY is one more key; a revoked one is refused", async () => {
    const { tenant } = await start({ adminKey: ADMIN });
    await start({ adminKey: `${ADMIN}2` });
    const row = await keyRow(`${ADMIN}2`);
    expect(row).not.toBeNull();
    await store.run("keys.revoke", { tenant: tenant.id, id: row?.id ?? "key_", at: 2_000 });
    await expect(start({ adminKey: `${ADMIN}2` })).rejects.toMatchObject({ code: "invalid_config", fix: expect.any(String) as string });
  });
});
