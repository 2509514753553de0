import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import type { ActivityDeps } from "../../activities/deps.ts";
import { collectBlobs, eraseExpired } from "../../activities/upkeep.ts";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import type { MessageRef } from "../../src/model/message.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { keyOf, letterOf, openAutonomous, screen, type OutboundWorld } from "../store/outbound-samples.ts";
import { DAY, newId, NOON } from "../store/samples.ts";

function depsOf({ store }: OutboundWorld, at: number, blobs: Blobs = createMemoryBlobs(() => NOON)): ActivityDeps {
  return {
    ...{ store, blobs, uses: createUses(), clock: () => at, random: randomBytes, loopCaps: { perThread: 10, perPair: 30 } },
    reader: createMailReader({ blobs, resolver: createZoneResolver({}), now: Date.now }),
    onFault: () => undefined,
  };
}

async function put(blobs: Blobs, { tenant }: OutboundWorld, text: string): Promise<MessageRef> {
  const writer = await blobs.create(tenant);
  await writer.write(Buffer.from(text));
  return writer.commit();
}

it("NY-12 a key of a submit that has its answer is kept for 24 hours, and no longer", async () => {
  const world = await openAutonomous();
  const key = keyOf(world);
  const { mailbox } = key;
  await world.store.run("idempotency.begin", key);
  await world.store.run("idempotency.settle", { mailbox, key: key.key, status: 422, answer: "{}" });
  const again = async () => world.store.run("idempotency.begin", { ...key, draft: newId("drf") });
  await eraseExpired(depsOf(world, NOON + DAY), () => undefined);
  expect(await again()).toMatchObject({ draft: key.draft, status: 422 });
  await eraseExpired(depsOf(world, NOON + DAY + 1), () => undefined);
  expect(await again()).toMatchObject({ status: null });
});

it("what a draft was made of stays as long as somebody may read or send it; what was blocked goes", async () => {
  const world = await openAutonomous();
  const blobs = createMemoryBlobs(() => NOON);
  const [source, mime, refusedSource, refusedMime] = [
    await put(blobs, world, "source"),
    await put(blobs, world, "mime"),
    await put(blobs, world, "refused source"),
    await put(blobs, world, "refused mime"),
  ];
  const letter = (from: MessageRef, to: MessageRef, outcome: "queued" | "blocked") => {
    const made = letterOf(world, { input: { source: from }, proposal: { outcome } });
    return { ...made, revision: { ...made.revision, mime: to } };
  };
  await screen(world.store, letter(source, mime, "queued"));
  await screen(world.store, letter(refusedSource, refusedMime, "blocked"));
  expect(await collectBlobs(depsOf(world, NOON + DAY + 1, blobs), () => undefined)).toBe(2);
  const left: string[] = [];
  for await (const { digest } of blobs.list(Infinity)) left.push(digest);
  expect(new Set(left)).toEqual(new Set([source.digest, mime.digest]));
});
