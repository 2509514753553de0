import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import type { TenantId } from "../../src/model/ids.ts";
import { collect } from "./collect.ts";

const TENANT: TenantId = "ten_0000000000000000";
const HOUR = 3_600_000;

async function tempRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "postern-blobs-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

async function put(blobs: Blobs, text: string): Promise<string> {
  const writer = await blobs.create(TENANT);
  await writer.write(Buffer.from(text));
  return (await writer.commit()).digest;
}

function pathOf(root: string, digest: string): string {
  return join(root, TENANT, digest.slice(0, 2), digest);
}

it("a blob whose bytes have changed on the disk is not given to anybody", async () => {
  const root = await tempRoot();
  const blobs = await createFileBlobs(root, Date.now);
  const digest = await put(blobs, "true");
  await writeFile(pathOf(root, digest), "fals");
  await expect(blobs.get(TENANT, digest)).rejects.toMatchObject({ code: "internal", temporary: false });
  await writeFile(pathOf(root, digest), "");
  await expect(blobs.get(TENANT, digest)).rejects.toMatchObject({ code: "internal" });
  await put(blobs, "true");
  expect(await blobs.get(TENANT, digest)).toEqual(Buffer.from("true"));
});

it("putting a blob that is there makes it young again", async () => {
  const root = await tempRoot();
  const blobs = await createFileBlobs(root, Date.now);
  const digest = await put(blobs, "old");
  const long = new Date(Date.now() - 48 * HOUR);
  await utimes(pathOf(root, digest), long, long);
  const collectable = () => collect(blobs.list(Date.now() - 24 * HOUR));
  expect(await collectable()).toEqual([{ tenant: TENANT, digest }]);
  await put(blobs, "old");
  expect(await collectable()).toEqual([]);
});

it("what a crash left unfinished goes after 24 hours, at the start and when blobs are listed", async () => {
  const root = await tempRoot();
  const now = Date.now();
  const incoming = join(root, "incoming");
  await mkdir(incoming);
  const leave = async (name: string, age: number) => {
    await writeFile(join(incoming, name), "half");
    await utimes(join(incoming, name), new Date(now - age), new Date(now - age));
  };
  await leave("old", 25 * HOUR);
  await leave("young", 23 * HOUR);
  const blobs = await createFileBlobs(root, () => now);
  expect(await readdir(incoming)).toEqual(["young"]);
  await leave("old", 25 * HOUR);
  expect(await collect(blobs.list(now))).toEqual([]);
  expect(await readdir(incoming)).toEqual(["young"]);
});

it("a put is aborted cleanly when the disk does not take it, and refused as temporary", async () => {
  const root = await tempRoot();
  const blobs = await createFileBlobs(root, Date.now);
  // A file where the tenant's directory would be: the bytes can be written, their name cannot.
  await writeFile(join(root, TENANT), "in the way");
  const writer = await blobs.create(TENANT);
  await writer.write(Buffer.from("bytes"));
  await expect(writer.commit()).rejects.toMatchObject({ code: "unavailable", temporary: true });
  expect(await readdir(join(root, "incoming"))).toEqual([]);
  await rm(join(root, TENANT));
  await put(blobs, "bytes");
});

it("a directory that cannot be used is refused at the start", async () => {
  const root = await tempRoot();
  await writeFile(join(root, "file"), "");
  await expect(createFileBlobs(join(root, "file"), Date.now)).rejects.toMatchObject({ code: "invalid_config" });
});

it("only the user that runs postern can read blobs", async () => {
  const root = join(await tempRoot(), "blobs");
  const blobs = await createFileBlobs(root, Date.now);
  const digest = await put(blobs, "private");
  expect((await stat(root)).mode & 0o777).toBe(0o700);
  expect((await stat(pathOf(root, digest))).mode & 0o777).toBe(0o600);
});

it("what is no blob is left alone and not listed", async () => {
  const root = await tempRoot();
  const blobs = await createFileBlobs(root, Date.now);
  const digest = await put(blobs, "blob");
  await mkdir(join(root, "lost+found"));
  await writeFile(join(root, TENANT, digest.slice(0, 2), "notes.txt"), "");
  await writeFile(join(root, "README"), "");
  await writeFile(join(root, TENANT, "index"), "");
  expect(await collect(blobs.list(Infinity))).toEqual([{ tenant: TENANT, digest }]);
});
