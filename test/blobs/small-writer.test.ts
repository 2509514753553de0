import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Blobs, BlobWriter } from "../../src/blobs/blobs.ts";
import { digestOf, readSegments } from "./journal/segments.ts";
import { openBlobs, pathOf, put, TENANT, tempRoot } from "./rig.ts";

const KIB = 1024;

async function begun(blobs: Blobs, ...chunks: readonly Buffer[]): Promise<BlobWriter> {
  const writer = await blobs.create(TENANT);
  for (const chunk of chunks) await writer.write(chunk);
  return writer;
}

async function journaled(root: string): Promise<readonly string[]> {
  return (await readSegments(join(root, "journal"))).flatMap(({ found }) => found.map(({ name }) => name.digest));
}

describe("a blob on its way", () => {
  it("goes to the journal up to 256 KiB, and to a file of its own beyond", async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root);
    const [small, large] = [randomBytes(256 * KIB), randomBytes(256 * KIB + 1)];
    for (const bytes of [small, large]) {
      const writer = await begun(blobs, bytes.subarray(0, 100 * KIB), bytes.subarray(100 * KIB));
      expect(await writer.commit()).toEqual({ digest: digestOf(bytes), size: bytes.length });
      expect(await blobs.get(TENANT, digestOf(bytes))).toEqual(bytes);
      await expect(writer.commit()).rejects.toMatchObject({ code: "internal" });
      await expect(writer.write(bytes)).rejects.toMatchObject({ code: "internal" });
    }
    expect(await journaled(root)).toEqual([digestOf(small)]);
    expect(await readdir(join(pathOf(root, digestOf(large)), ".."))).toEqual([digestOf(large)]);
  });

  it("is kept as it was given, though the caller uses its buffer again", async () => {
    const blobs = await openBlobs(await tempRoot());
    const buffer = Buffer.from("first");
    const writer = await begun(blobs, buffer);
    buffer.fill("x");
    expect(await writer.commit()).toEqual({ digest: digestOf(Buffer.from("first")), size: 5 });
  });

  it("waits in memory only as long as all together hold 32 MiB, and gives it back", async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root);
    const unfinished = async (): Promise<number> => (await readdir(join(root, "incoming"))).length;
    for (const end of ["abort", "commit"] as const) {
      const writers = await Promise.all(
        Array.from({ length: 40 }, () => begun(blobs, ...Array.from({ length: 4 }, () => randomBytes(256 * KIB).subarray(0, 60 * KIB)))),
      );
      expect(await unfinished()).toBe(0);
      const more = await Promise.all(Array.from({ length: 110 }, () => begun(blobs, randomBytes(240 * KIB))));
      // 32 MiB are 136 times 240 KiB; the others are files.
      expect(await unfinished()).toBe(150 - 136);
      await Promise.all([...writers, ...more].map((writer) => writer[end]()));
      expect(await unfinished()).toBe(0);
    }
    expect(await journaled(root)).toHaveLength(136);
  });

  it("goes to a file while the journal is full, and to the journal when there is room again", { timeout: 60_000 }, async () => {
    const root = await tempRoot();
    const blobs = await openBlobs(root);
    const fresh = (): Buffer => randomBytes(256 * KIB);
    const all: string[] = [];
    // Of the journal, the latest comes last to be a file.
    const isFile = (): boolean => existsSync(pathOf(root, all.at(-1)!));
    do all.push(...(await Promise.all(Array.from({ length: 64 }, () => put(blobs, fresh())))));
    while (!isFile());
    for (const digest of all) expect((await blobs.get(TENANT, digest))?.length).toBe(256 * KIB);
    // So many segments do not rest.
    await expect.poll(async () => (await readdir(join(root, "journal"))).length, { timeout: 30_000 }).toBeLessThan(8);
    all.push(await put(blobs, fresh()));
    expect(isFile()).toBe(false);
    for (const digest of all) expect((await blobs.get(TENANT, digest))?.length).toBe(256 * KIB);
  });
});
