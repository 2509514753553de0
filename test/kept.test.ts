import { mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { kept } from "../src/kept.ts";

let dir: string;
let file: string;
let times: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-kept-"));
  file = join(dir, "cache", "made.json");
  times = 0;
  await Promise.all([source("one", "a"), source("two", "b")]);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** As written long before anything is made of it. */
async function source(name: string, text: string): Promise<void> {
  await writeFile(join(dir, name), text);
  const { ctimeMs } = await stat(join(dir, name));
  while (Date.now() - ctimeMs <= 150) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Both sources, and a third where there is one. */
async function joinAll(meanwhile: () => Promise<void> = async () => {}) {
  times += 1;
  const [one, two, three] = ["one", "two", "three"].map((name) => join(dir, name)) as [string, string, string];
  const texts = await Promise.all([one, two, three].map((path) => readFile(path, "utf8").catch(() => "")));
  await meanwhile();
  return { value: { text: texts.join("") }, read: [dir, one, two, join(dir, "in memory only")], absent: [three] };
}

describe("what was made and kept", () => {
  it("is made once", async () => {
    expect(await kept(file, joinAll)).toEqual({ text: "ab" });
    expect(await kept(file, joinAll)).toEqual({ text: "ab" });
    expect(times).toBe(1);
  });

  it("is made anew when a file it was made of has other bytes, whatever its times say", async () => {
    const { atime, mtime } = await stat(join(dir, "two"));
    await kept(file, joinAll);
    await source("two", "c");
    await utimes(join(dir, "two"), atime, mtime);
    expect(await kept(file, joinAll)).toEqual({ text: "ac" });
  });

  it("is made anew when a file is gone, and when one is there that was not", async () => {
    await kept(file, joinAll);
    await rm(join(dir, "one"));
    expect(await kept(file, joinAll)).toEqual({ text: "b" });
    await kept(file, joinAll);
    await source("three", "!");
    expect(await kept(file, joinAll)).toEqual({ text: "b!" });
  });

  it("is not kept when a file changed while it was made", async () => {
    expect(await kept(file, () => joinAll(() => source("one", "z")))).toEqual({ text: "ab" });
    expect(await kept(file, joinAll)).toEqual({ text: "zb" });
    expect(times).toBe(2);
  });

  it("is made anew when what was kept is cut off, and where nothing can be kept", async () => {
    await kept(file, joinAll);
    await truncate(file, 20);
    expect(await kept(file, joinAll)).toEqual({ text: "ab" });
    expect(await kept(join(dir, "one", "made.json"), joinAll)).toEqual({ text: "ab" });
    expect(times).toBe(3);
  });

  it("is what it was: a maker that fails fails", async () => {
    await expect(kept(file, () => Promise.reject(new Error("no such module")))).rejects.toThrow("no such module");
  });
});
