import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileReader } from "../../src/blobs/file-reader.ts";
import { digestOf, readSegments } from "./journal/segments.ts";
import { letter } from "./letter.ts";
import { openBlobs, pathOf, TENANT, tempRoot } from "./rig.ts";
import { startPutter, type Putter } from "./putter.ts";
import { skippedFor } from "../support/skipped.ts";

interface Known {
  /** Committed, and nobody asked to remove it. */
  readonly there: Set<number>;
  readonly gone: Set<number>;
}

/** 20 at a time, every third removed again; killed when so many were committed. Returns the next number. */
async function loadUntilKilled(putter: Putter, first: number, count: number, { there, gone }: Known): Promise<number> {
  const enough = Promise.withResolvers<void>();
  let next = first;
  const work = async (): Promise<void> => {
    for (;;) {
      const number = next++;
      expect((await putter.order({ verb: "put", number })).refused).toBeNull();
      there.add(number);
      if (there.size + gone.size >= count) enough.resolve();
      if (number % 3 > 0) continue;
      there.delete(number);
      expect((await putter.order({ verb: "remove", number })).refused).toBeNull();
      gone.add(number);
    }
  };
  const works = Array.from({ length: 20 }, work);
  await Promise.race([enough.promise, ...works]);
  await putter.kill();
  return next;
}

/** What is in a segment may have reached the disk by the segment alone. */
async function losePageCache(root: string): Promise<void> {
  for (const { found } of await readSegments(join(root, "journal"))) {
    for (const { name } of found) await rm(pathOf(root, name.digest), { force: true });
  }
}

describe("MB-10 PB-09 killed in the middle of many puts", () => {
  it.each([
    { when: "all is in the journal", restMs: 30_000 },
    { when: "files are made of it all the time", restMs: 0 },
  ])("no committed blob is lost and no removed one comes back, while $when", { timeout: 60_000 }, async ({ restMs }) => {
    const root = await tempRoot();
    const known: Known = { there: new Set(), gone: new Set() };
    let next = 0;
    for (const count of [100, 250, 400]) {
      next = await loadUntilKilled(await startPutter(root, restMs), next, count, known);
      await losePageCache(root);
    }
    const blobs = await openBlobs(root);
    const reader = createFileReader(root);
    for (const number of known.there) {
      const bytes = letter(number);
      expect(await blobs.get(TENANT, digestOf(bytes))).toEqual(bytes);
      expect(await reader.get(TENANT, digestOf(bytes))).toEqual(bytes);
    }
    for (const number of known.gone) expect(await blobs.get(TENANT, digestOf(letter(number)))).toBeNull();
    expect(known.gone.size).toBeGreaterThan(50);
  });
});

const PRLIMIT = "/usr/bin/prlimit";

// A bound on file sizes is what a full disk is to a process: writes fail in the middle, and nothing else does.
const NO_PRLIMIT = existsSync(PRLIMIT) ? null : "there is no prlimit";

describe.skipIf(NO_PRLIMIT !== null)(`on a full disk${skippedFor(NO_PRLIMIT)}`, () => {
  it("a put or a removal is refused as temporary and leaves nothing; what was there stays, and later there is room again", async () => {
    const root = await tempRoot();
    const putter = await startPutter(root);
    const limitFiles = (bytes: string): void => void execFileSync(PRLIMIT, ["--pid", String(putter.pid), `--fsize=${bytes}:unlimited`]);
    const put = async (number: number): Promise<string | null> => (await putter.order({ verb: "put", number })).refused;
    expect(await put(1)).toBeNull();
    const { bytes } = (await readSegments(join(root, "journal")))[0]!;
    for (const [cycle, size] of [0, bytes.length, bytes.length + 100, bytes.length + 2_000].entries()) {
      limitFiles(String(size));
      expect(await put(2)).toBe("unavailable");
      limitFiles("0");
      expect((await putter.order({ verb: "remove", number: 1 })).refused).toBe("unavailable");
      limitFiles("unlimited");
      expect(await put(3)).toBeNull();
      expect(await readSegments(join(root, "journal")), "what failed once takes nothing more").toHaveLength(cycle + 2);
    }
    await putter.kill();
    const blobs = await openBlobs(root);
    for (const number of [1, 3]) expect(await blobs.get(TENANT, digestOf(letter(number)))).toEqual(letter(number));
    expect(await blobs.get(TENANT, digestOf(letter(2)))).toBeNull();
  });
});
