import { randomBytes } from "node:crypto";
import { appendFile, cp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileReader } from "../../src/blobs/file-reader.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import type { PosternError } from "../../src/model/errors.ts";
import { collect } from "./collect.ts";
import { digestOf, readSegments } from "./journal/segments.ts";
import { afterCrash, journalAlone, openBlobs, pathOf, put, TENANT, tempRoot } from "./rig.ts";

const letters = (count: number): Buffer[] => Array.from({ length: count }, () => randomBytes(Math.ceil(Math.random() * 5_000)));

/** Through the blobs and past them, as a reader thread does. */
async function expectAll(root: string, expected: readonly Buffer[]): Promise<void> {
  const blobs = await createFileBlobs(root, Date.now);
  const reader = createFileReader(root);
  for (const bytes of expected) {
    expect(await blobs.get(TENANT, digestOf(bytes))).toEqual(bytes);
    expect(await reader.get(TENANT, digestOf(bytes))).toEqual(bytes);
  }
  expect(await collect(blobs.list(Infinity))).toHaveLength(expected.length);
  await blobs.close();
  await settle(root);
  for (const bytes of expected) expect(await readFile(pathOf(root, digestOf(bytes)))).toEqual(bytes);
}

/** One close makes files for two seconds. */
async function settle(root: string): Promise<void> {
  while ((await readSegments(join(root, "journal"))).length > 0) await (await createFileBlobs(root, Date.now)).close();
}

describe("MB-10 PB-09 after a crash, everything that was committed is there with its bytes", () => {
  it("when the journal is all that came through", async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root);
    const all = letters(200);
    await Promise.all(all.map((bytes) => put(blobs, bytes)));
    const [segment] = await readSegments(join(root, "journal"));
    expect(new Set(segment!.found.map(({ group }) => group)).size, "synced together").toBeLessThan(20);
    await expectAll(await journalAlone(root), all);
  });

  it("when there is more of it than is read at a time", async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root);
    const all = [100_000, 250_000, 1, 180_000, 90_000, 256_000, 240_000, 200_000, 30_000].map((size) => randomBytes(size));
    for (const bytes of all) await put(blobs, bytes);
    const [segment] = await readSegments(join(root, "journal"));
    expect(segment!.found).toHaveLength(all.length);
    await expectAll(await journalAlone(root), all);
  });

  it("when segments are there whose files are missing, short, changed or whole", async () => {
    const root = await tempRoot();
    const all = letters(8);
    const blobs = await createFileBlobs(root, Date.now);
    for (const bytes of all) await put(blobs, bytes);
    const crashed = await journalAlone(root);
    await blobs.close();
    await cp(join(crashed, "journal"), join(root, "journal"), { recursive: true });
    const paths = all.map((bytes) => pathOf(root, digestOf(bytes)));
    await rm(paths[0]!);
    await truncate(paths[1]!, 0);
    await truncate(paths[2]!, Math.floor(all[2]!.length / 2));
    await writeFile(paths[3]!, randomBytes(all[3]!.length));
    await expectAll(root, all);
  });

  it("when the last append was cut off, and what is put later is safe too", async () => {
    let root = await tempRoot();
    const all = letters(3);
    const blobs = await openBlobs(root);
    for (const bytes of all) await put(blobs, bytes);
    for (const torn of [Buffer.alloc(500), randomBytes(5_000)]) {
      root = await afterCrash(root);
      const [segment] = (await readSegments(join(root, "journal"))).toReversed();
      await appendFile(segment!.path, Buffer.concat([segment!.bytes.subarray(0, 200), torn]));
      const faults: PosternError[] = [];
      const again = await openBlobs(root, { report: (fault) => faults.push(fault) });
      all.push(randomBytes(1_000));
      await put(again, all.at(-1)!);
      expect(faults).toEqual([]);
    }
    await expectAll(await journalAlone(root), all);
  });

  it("when it crashes at every start, and the same bytes come again and again", async () => {
    let root = await tempRoot();
    const [same, ...others] = letters(6) as [Buffer, ...Buffer[]];
    for (const bytes of others) {
      const blobs = await openBlobs(root);
      await Promise.all([put(blobs, bytes), put(blobs, same)]);
      root = await journalAlone(root);
    }
    expect(await readSegments(join(root, "journal"))).toHaveLength(5);
    await expectAll(root, [same, ...others]);
  });
});

describe("what is damaged in the journal", () => {
  /** Three letters, each synced by itself, and a byte of the second changed. */
  async function damaged() {
    const root = await tempRoot();
    const all = letters(3);
    const blobs = await openBlobs(root);
    for (const bytes of all) await put(blobs, bytes);
    const crashed = await journalAlone(root);
    const [segment] = await readSegments(join(crashed, "journal"));
    segment!.bytes[segment!.found[1]!.offset]! ^= 1;
    await writeFile(segment!.path, segment!.bytes);
    return { root: crashed, path: segment!.path, all, lost: digestOf(all[1]!) };
  }

  it("costs no other blob, is named, and is put aside for whoever wants to look", async () => {
    const { root, path, all, lost } = await damaged();
    const faults: PosternError[] = [];
    const blobs = await createFileBlobs(root, Date.now, { report: (fault) => faults.push(fault) });
    expect(faults).toMatchObject([
      {
        code: "internal",
        message: "a journal of blobs is damaged",
        detail: `${path}.damaged, lost: ${TENANT}/${lost}`,
        fix: `see what can be recovered from \`${path}.damaged\`, then delete it`,
      },
    ]);
    expect(await blobs.get(TENANT, lost)).toBeNull();
    for (const bytes of [all[0]!, all[2]!]) {
      expect(await blobs.get(TENANT, digestOf(bytes))).toEqual(bytes);
      expect(await createFileReader(root).get(TENANT, digestOf(bytes))).toEqual(bytes);
    }
    await put(blobs, all[1]!);
    await blobs.close();
    expect(faults).toHaveLength(1);
    expect(await readdir(join(root, "journal"))).toEqual([`${path.slice(path.lastIndexOf("/") + 1)}.damaged`]);
    await expectFiles(root, all);
  });

  it("is no loss where the blob is a file already", async () => {
    const { root, path, all } = await damaged();
    const elsewhere = await tempRoot();
    const whole = await createFileBlobs(elsewhere, Date.now);
    await put(whole, all[1]!);
    await whole.close();
    await cp(join(elsewhere, TENANT), join(root, TENANT), { recursive: true });
    const faults: PosternError[] = [];
    await openBlobs(root, { report: (fault) => faults.push(fault) });
    expect(faults).toMatchObject([{ detail: `${path}.damaged, lost: none that it names` }]);
  });

  it("is noticed as late as when the files are made, and the blob refused until then", async () => {
    const root = await tempRoot();
    const faults: PosternError[] = [];
    const blobs = await createFileBlobs(root, Date.now, { report: (fault) => faults.push(fault) });
    const [first, second] = [await put(blobs, "first"), await put(blobs, "second")];
    const [segment] = await readSegments(join(root, "journal"));
    segment!.bytes[segment!.found[0]!.offset]! ^= 1;
    await writeFile(segment!.path, segment!.bytes);
    await expect(blobs.get(TENANT, first)).rejects.toMatchObject({ code: "internal", temporary: false });
    await blobs.close();
    expect(faults).toMatchObject([{ code: "internal", detail: `${segment!.path}.damaged, lost: ${TENANT}/${first}` }]);
    await expectFiles(root, [Buffer.from("second")]);
    expect(await (await openBlobs(root)).get(TENANT, second)).toEqual(Buffer.from("second"));
  });

  async function expectFiles(root: string, expected: readonly Buffer[]): Promise<void> {
    for (const bytes of expected) expect(await readFile(pathOf(root, digestOf(bytes)))).toEqual(bytes);
  }
});

describe("a blob that was removed", () => {
  it("does not come back from the journal, and what was put again does", async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root);
    const [gone, back, kept] = [await put(blobs, "gone"), await put(blobs, "back"), await put(blobs, "kept")];
    const reader = createFileReader(root);
    expect(await reader.get(TENANT, gone)).toEqual(Buffer.from("gone"));
    await Promise.all([blobs.remove(TENANT, gone), blobs.remove(TENANT, back)]);
    expect([await blobs.get(TENANT, gone), await reader.get(TENANT, gone)]).toEqual([null, null]);
    await put(blobs, "back");
    for (const crashed of [await journalAlone(root), await afterCrash(root)]) {
      const again = await createFileBlobs(crashed, Date.now);
      expect(await again.get(TENANT, gone)).toBeNull();
      expect((await collect(again.list(Infinity))).map(({ digest }) => digest).toSorted()).toEqual([back, kept].toSorted());
      await again.close();
      await expect(stat(pathOf(crashed, gone))).rejects.toMatchObject({ code: "ENOENT" });
      expect(await readFile(pathOf(crashed, back), "utf8")).toBe("back");
    }
  });

  it("does not come back after a crash between the put and the removal, and one after it", async () => {
    let root = await tempRoot();
    for (const bytes of letters(4)) {
      const digest = await put(await openBlobs(root), bytes);
      root = await journalAlone(root);
      const blobs = await openBlobs(root);
      expect(await blobs.get(TENANT, digest)).toEqual(bytes);
      await blobs.remove(TENANT, digest);
      root = await journalAlone(root);
      expect(await createFileReader(root).get(TENANT, digest)).toBeNull();
    }
    await expectAll(root, []);
  });

  it("does not come back as the file that was just being made of it", { timeout: 30_000 }, async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root, { restMs: 0 });
    for (let round = 0; round < 20; round += 1) {
      const digests = await Promise.all(Array.from({ length: 3 }, () => put(blobs, randomBytes(200_000))));
      await expect.poll(() => readdir(join(root, "incoming")), { interval: 0, timeout: 5_000 }).not.toEqual([]);
      await Promise.all(digests.map((digest) => blobs.remove(TENANT, digest)));
    }
    await expect.poll(() => readdir(join(root, "journal")), { timeout: 5_000 }).toEqual([]);
    expect(await collect(blobs.list(Infinity))).toEqual([]);
  });

  it("does not come back while files are made of the others, and nobody misses one meanwhile", { timeout: 30_000 }, async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root, { restMs: 0 });
    const reader = createFileReader(root);
    const kept: Buffer[] = [];
    await Promise.all(
      letters(120).map(async (bytes, number) => {
        const digest = await put(blobs, bytes);
        if (number % 2 === 1) return blobs.remove(TENANT, digest);
        kept.push(bytes);
        for (let reading = 0; reading < 20; reading += 1) {
          expect(await blobs.get(TENANT, digest)).toEqual(bytes);
          expect(await reader.get(TENANT, digest)).toEqual(bytes);
        }
      }),
    );
    await expect.poll(() => readdir(join(root, "journal")), { timeout: 20_000 }).toEqual([]);
    const files = (await readdir(join(root, TENANT), { recursive: true })).filter((path) => path.includes("/"));
    expect(files.map((path) => path.slice(3)).toSorted()).toEqual(kept.map(digestOf).toSorted());
  });
});

it("a put is young while it is in the journal, after a crash, and though a file of the same bytes is old", async () => {
  const root = await tempRoot();
  let now = 1_000;
  const old = await createFileBlobs(root, () => now);
  const digest = await put(old, "again");
  await old.close();
  const blobs = await openBlobs(root, { now: () => now });
  now = Date.now() + 100_000;
  await put(blobs, "again");
  for (const opened of [blobs, await openBlobs(await afterCrash(root)), await openBlobs(await journalAlone(root))]) {
    expect(await collect(opened.list(now))).toEqual([]);
    expect(await collect(opened.list(now + 1))).toEqual([{ tenant: TENANT, digest }]);
  }
});

it("what cannot become a file stays in the journal and can be read; it is tried again, and said", async () => {
  const root = await tempRoot();
  const faults: PosternError[] = [];
  const blobs = await createFileBlobs(root, Date.now, { restMs: 0, report: (fault) => faults.push(fault) });
  await writeFile(join(root, TENANT), "in the way");
  const digest = await put(blobs, "waiting");
  await expect.poll(() => faults).toMatchObject([{ code: "unavailable", temporary: true, message: "blobs stay in their journal" }]);
  expect(await blobs.get(TENANT, digest)).toEqual(Buffer.from("waiting"));
  await rm(join(root, TENANT));
  await blobs.close();
  expect(await readFile(pathOf(root, digest), "utf8")).toBe("waiting");
});

it("without a journal nothing small is accepted, and with it again it is", async () => {
  const root = await tempRoot();
  const blobs = await openBlobs(root);
  await rename(join(root, "journal"), join(root, "elsewhere"));
  await expect(put(blobs, "refused")).rejects.toMatchObject({ code: "unavailable", temporary: true });
  expect(await blobs.get(TENANT, digestOf(Buffer.from("refused")))).toBeNull();
  await rename(join(root, "elsewhere"), join(root, "journal"));
  await expectAll(await journalAlone(root), []);
  await put(blobs, "taken");
  await expectAll(await journalAlone(root), [Buffer.from("taken")]);
});
