import { mkdir, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createFileBlobs, type FileBlobs } from "../../src/blobs/fs.ts";
import { collect } from "./collect.ts";
import { openBlobs, pathOf, put, TENANT, tempRoot } from "./rig.ts";

const HOUR = 3_600_000;

/** Blobs of which one is a file already. */
async function settled(root: string, text: string): Promise<{ readonly blobs: FileBlobs; readonly digest: string }> {
  const before = await createFileBlobs(root, Date.now);
  const digest = await put(before, text);
  await before.close();
  return { blobs: await openBlobs(root), digest };
}

it("a blob whose bytes have changed on the disk is not given to anybody", async () => {
  const root = await tempRoot();
  const { blobs, digest } = await settled(root, "true");
  await writeFile(pathOf(root, digest), "fals");
  await expect(blobs.get(TENANT, digest)).rejects.toMatchObject({ code: "internal", temporary: false });
  await writeFile(pathOf(root, digest), "");
  await expect(blobs.get(TENANT, digest)).rejects.toMatchObject({ code: "internal" });
  await put(blobs, "true");
  expect(await blobs.get(TENANT, digest)).toEqual(Buffer.from("true"));
});

it("putting a blob that is there makes it young again", async () => {
  const root = await tempRoot();
  const { blobs, digest } = await settled(root, "old");
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
  const blobs = await openBlobs(root, { now: () => now });
  expect(await readdir(incoming)).toEqual(["young"]);
  await leave("old", 25 * HOUR);
  expect(await collect(blobs.list(now))).toEqual([]);
  expect(await readdir(incoming)).toEqual(["young"]);
});

it("a large put is aborted cleanly when the disk does not take it, and refused as temporary", async () => {
  const root = await tempRoot();
  const blobs = await openBlobs(root);
  // A file where the tenant's directory would be: the bytes can be written, their name cannot.
  await writeFile(join(root, TENANT), "in the way");
  const large = Buffer.alloc(300_000, "x");
  await expect(put(blobs, large)).rejects.toMatchObject({ code: "unavailable", temporary: true });
  expect(await readdir(join(root, "incoming"))).toEqual([]);
  await rm(join(root, TENANT));
  await put(blobs, large);
});

it("a directory that cannot be used is refused at the start", async () => {
  const root = await tempRoot();
  await writeFile(join(root, "file"), "");
  await expect(createFileBlobs(join(root, "file"), Date.now)).rejects.toMatchObject({ code: "invalid_config" });
});

it("a directory is one writer's alone until it closes", async () => {
  const root = await tempRoot();
  const first = await openBlobs(root);
  await expect(createFileBlobs(root, Date.now)).rejects.toMatchObject({
    code: "invalid_config",
    message: `another postern is using the blob directory \`${root}\``,
  });
  const digest = await put(first, "mine");
  await first.close();
  const second = await openBlobs(root);
  expect(await second.get(TENANT, digest)).toEqual(Buffer.from("mine"));
  for (const late of [first.create(TENANT), first.get(TENANT, digest), first.remove(TENANT, digest), collect(first.list(0))]) {
    await expect(late).rejects.toMatchObject({ code: "unavailable", temporary: true });
  }
});

it("only the user that runs postern can read blobs", async () => {
  const root = join(await tempRoot(), "blobs");
  const { blobs, digest } = await settled(root, "private");
  await put(blobs, "more");
  for (const directory of [root, join(root, "journal"), join(root, TENANT)]) expect((await stat(directory)).mode & 0o777).toBe(0o700);
  const [segment] = await readdir(join(root, "journal"));
  for (const file of [pathOf(root, digest), join(root, "journal", segment!)]) expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it("what is no blob is left alone and not listed", async () => {
  const root = await tempRoot();
  const { blobs, digest } = await settled(root, "blob");
  await mkdir(join(root, "lost+found"));
  await writeFile(join(root, TENANT, digest.slice(0, 2), "notes.txt"), "");
  await writeFile(join(root, "README"), "");
  await writeFile(join(root, TENANT, "index"), "");
  expect(await collect(blobs.list(Infinity))).toEqual([{ tenant: TENANT, digest }]);
});
