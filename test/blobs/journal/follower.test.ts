import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { JournalFollower } from "../../../src/blobs/journal/follower.ts";
import { Segment } from "../../../src/blobs/journal/segment.ts";
import { putOf, readSegments } from "./segments.ts";

async function directory(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "postern-journal-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function segmentIn(journal: string, number: number): Promise<Segment> {
  const segment = await Segment.create(journal, number);
  onTestFinished(() => segment.close().catch(() => undefined));
  return segment;
}

it("a follower sees what is appended, in segments that come and go", async () => {
  const journal = await directory();
  const follower = new JournalFollower(journal);
  const [a, b, c] = [putOf(randomBytes(100)), putOf(randomBytes(200)), putOf(randomBytes(0))];
  expect(follower.get(a.name)).toBeNull();
  const first = await segmentIn(journal, 1);
  await first.append([a]);
  expect(follower.get(a.name)).toEqual(a.bytes);
  expect(follower.get(b.name)).toBeNull();
  // The last group of one and the first of the next, between two looks.
  await first.append([b]);
  const second = await segmentIn(journal, 2);
  await second.append([c]);
  expect([follower.get(b.name), follower.get(c.name)]).toEqual([b.bytes, c.bytes]);
  await first.remove();
  expect([follower.get(a.name), follower.get(b.name), follower.get(c.name)]).toEqual([null, null, c.bytes]);
  await second.append([{ kind: "remove", name: c.name, at: 0, bytes: Buffer.alloc(0) }]);
  expect(follower.get(c.name)).toBeNull();
});

it("a follower of a directory long unchanged sees what its newest segment, another and one of no other time bring", async () => {
  const journal = await directory();
  const longAgo = new Date(Date.now() - 60_000);
  const [a, b, c, d] = [1, 2, 3, 4].map(() => putOf(randomBytes(100))) as [Put, Put, Put, Put];
  const first = await segmentIn(journal, 1);
  await first.append([a]);
  await utimes(journal, longAgo, longAgo);
  const follower = new JournalFollower(journal);
  expect(follower.get(a.name)).toEqual(a.bytes);
  await first.append([b]);
  expect(follower.get(b.name)).toEqual(b.bytes);
  await first.append([{ kind: "remove", name: b.name, at: 0, bytes: Buffer.alloc(0) }]);
  expect(follower.get(b.name)).toBeNull();
  const second = await segmentIn(journal, 2);
  await second.append([c, { kind: "remove", name: a.name, at: 0, bytes: Buffer.alloc(0) }]);
  expect(follower.get(a.name)).toBeNull();
  await utimes(journal, longAgo, longAgo);
  expect(follower.get(c.name)).toEqual(c.bytes);
  await (await segmentIn(journal, 3)).append([d]);
  await utimes(journal, longAgo, longAgo);
  expect(follower.get(d.name)).toEqual(d.bytes);
});

type Put = ReturnType<typeof putOf>;

it("a follower waits for the rest of an append that is under way", async () => {
  const journal = await directory();
  const segment = await segmentIn(journal, 1);
  const [whole, late] = [putOf(randomBytes(100)), putOf(randomBytes(3_000))];
  await segment.append([whole, late]);
  const { path, bytes } = (await readSegments(journal))[0]!;
  const follower = new JournalFollower(journal);
  const file = await open(path, "r+");
  onTestFinished(() => file.close());
  for (let length = 0; length < bytes.length; length += 500) {
    await file.truncate(0);
    await file.write(bytes, 0, length, 0);
    expect(follower.get(late.name)).toBeNull();
  }
  await file.write(bytes, 0, bytes.length, 0);
  expect([follower.get(whole.name), follower.get(late.name)]).toEqual([whole.bytes, late.bytes]);
});

it("a follower believes no end that was cut away again, and finds the same blob where it was before", async () => {
  const journal = await directory();
  const again = putOf(randomBytes(1_000));
  await (await segmentIn(journal, 1)).append([again]);
  const second = await segmentIn(journal, 2);
  await second.append([putOf(randomBytes(10))]);
  const { path, bytes: before } = (await readSegments(journal))[1]!;
  await second.append([again]);
  const follower = new JournalFollower(journal);
  expect(follower.get(again.name)).toEqual(again.bytes);
  await truncate(path, before.length);
  expect(follower.get(again.name)).toEqual(again.bytes);
});

it("a follower takes what is no segment for none", async () => {
  const journal = await directory();
  await writeFile(join(journal, "README"), "");
  expect(new JournalFollower(journal).get(putOf(Buffer.alloc(1)).name)).toBeNull();
  expect(new JournalFollower(join(journal, "absent")).get(putOf(Buffer.alloc(1)).name)).toBeNull();
});
