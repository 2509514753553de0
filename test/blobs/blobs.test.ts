import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Blobs } from "../../src/blobs/blobs.ts";
import type { FileBlobsOptions } from "../../src/blobs/fs.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { createS3Blobs } from "../../src/blobs/s3/blobs.ts";
import type { TenantId } from "../../src/model/ids.ts";
import { findGateway, NO_GATEWAY, startGateway, type Gateway } from "../support/s3-gateway.ts";
import { collect } from "./collect.ts";
import { openBlobs, put, TENANT, tempRoot } from "./rig.ts";

const OTHER: TenantId = "ten_1111111111111111";

const executable = findGateway();
let gateway: Gateway | null = null;

beforeAll(async () => {
  if (executable !== null) gateway = await startGateway(executable);
});
afterAll(() => gateway?.close());

const implementations: Record<string, () => Promise<{ blobs: Blobs; leftovers: () => Promise<string[]> }>> = {
  memory: async () => ({ blobs: createMemoryBlobs(Date.now), leftovers: async () => [] }),
  files: () => files(),
  // As soon as they are put, blobs leave the journal.
  "files without rest": () => files({ restMs: 0 }),
  "an S3-compatible bucket": bucket,
};

async function files(options?: FileBlobsOptions): Promise<{ blobs: Blobs; leftovers: () => Promise<string[]> }> {
  const root = await tempRoot();
  return { blobs: await openBlobs(root, options), leftovers: () => readdir(join(root, "incoming")) };
}

async function bucket(): Promise<{ blobs: Blobs; leftovers: () => Promise<string[]> }> {
  const spool = await tempRoot();
  return { blobs: await createS3Blobs(gateway!.settings(), { spool }), leftovers: () => readdir(spool) };
}

async function listed(blobs: Blobs, before: number): Promise<{ tenant: TenantId; digest: string }[]> {
  return collect(blobs.list(before));
}

describe.each(Object.entries(implementations))("blobs in %s", (_, open) => {
  beforeEach(({ skip }) => skip(open === bucket && executable === null, NO_GATEWAY));

  it("PB-09 give back the bytes that were put, named by their SHA-256", async () => {
    const { blobs } = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 5 }), async (chunks) => {
        const writer = await blobs.create(TENANT);
        for (const chunk of chunks) await writer.write(Buffer.from(chunk));
        const ref = await writer.commit();
        const bytes = Buffer.concat(chunks);
        expect(ref).toEqual({ digest: createHash("sha256").update(bytes).digest("hex"), size: bytes.length });
        expect(await blobs.get(TENANT, ref.digest)).toEqual(bytes);
      }),
      { numRuns: 30 },
    );
  });

  it("hold 5 MiB in pieces of odd sizes", async () => {
    const { blobs } = await open();
    const bytes = randomBytes(5 << 20);
    const writer = await blobs.create(TENANT);
    for (let offset = 0; offset < bytes.length; offset += 65_537) await writer.write(bytes.subarray(offset, offset + 65_537));
    const ref = await writer.commit();
    expect(ref.size).toBe(bytes.length);
    expect(bytes.equals((await blobs.get(TENANT, ref.digest))!)).toBe(true);
  });

  it("know nothing of what was not committed", async () => {
    const { blobs, leftovers } = await open();
    const writer = await blobs.create(TENANT);
    await writer.write(Buffer.from("half"));
    const digest = createHash("sha256").update("half").digest("hex");
    expect(await blobs.get(TENANT, digest)).toBeNull();
    expect(await listed(blobs, Infinity)).toEqual([]);
    await writer.abort();
    await writer.abort();
    expect(await blobs.get(TENANT, digest)).toBeNull();
    expect(await leftovers()).toEqual([]);
    await expect(writer.write(Buffer.from("more"))).rejects.toMatchObject({ code: "internal" });
    await expect(writer.commit()).rejects.toMatchObject({ code: "internal" });
  });

  it("keep what was committed when it is aborted afterwards", async () => {
    const { blobs, leftovers } = await open();
    const writer = await blobs.create(TENANT);
    await writer.write(Buffer.from("whole"));
    const { digest } = await writer.commit();
    await writer.abort();
    expect(await blobs.get(TENANT, digest)).toEqual(Buffer.from("whole"));
    expect(await leftovers()).toEqual([]);
    await expect(writer.commit()).rejects.toMatchObject({ code: "internal" });
  });

  it("are one blob however often and at once the same bytes are put", async () => {
    const { blobs, leftovers } = await open();
    const bytes = randomBytes(10_000);
    const digests = await Promise.all(Array.from({ length: 20 }, () => put(blobs, bytes)));
    expect(new Set(digests).size).toBe(1);
    expect(await listed(blobs, Infinity)).toEqual([{ tenant: TENANT, digest: digests[0] }]);
    expect(await blobs.get(TENANT, digests[0]!)).toEqual(bytes);
    await expect.poll(leftovers).toEqual([]);
  });

  it("MB-18 belong to one tenant each", async () => {
    const { blobs } = await open();
    const digest = await put(blobs, Buffer.from("mine"));
    expect(await blobs.get(OTHER, digest)).toBeNull();
    await blobs.remove(OTHER, digest);
    expect(await blobs.get(TENANT, digest)).not.toBeNull();
    await put(blobs, Buffer.from("mine"), OTHER);
    await blobs.remove(TENANT, digest);
    expect(await blobs.get(TENANT, digest)).toBeNull();
    expect(await blobs.get(OTHER, digest)).not.toBeNull();
  });

  it("can be removed twice, and put again", async () => {
    const { blobs } = await open();
    const digest = await put(blobs, Buffer.from("again"));
    await blobs.remove(TENANT, digest);
    await blobs.remove(TENANT, digest);
    expect(await put(blobs, Buffer.from("again"))).toBe(digest);
    expect(await blobs.get(TENANT, digest)).toEqual(Buffer.from("again"));
  });

  it("refuse names that are none", async () => {
    const { blobs } = await open();
    const digest = "a".repeat(64);
    for (const name of ["", "..", "../x", "A".repeat(64), `${digest}0`, `../${"a".repeat(61)}`, `${"a".repeat(63)}\n`]) {
      await expect(blobs.get(TENANT, name)).rejects.toMatchObject({ code: "invalid_request" });
      await expect(blobs.remove(TENANT, name)).rejects.toMatchObject({ code: "invalid_request" });
    }
    for (const tenant of ["ten_../../etc", "ten_", "incoming", "ten_A", ""] as TenantId[]) {
      await expect(blobs.create(tenant)).rejects.toMatchObject({ code: "invalid_request" });
      await expect(blobs.get(tenant, digest)).rejects.toMatchObject({ code: "invalid_request" });
      await expect(blobs.remove(tenant, digest)).rejects.toMatchObject({ code: "invalid_request" });
    }
  });

  it("are listed for collection by the time of their last put", async () => {
    const { blobs } = await open();
    const before = Date.now() - 1000;
    const digests = [await put(blobs, Buffer.from("a")), await put(blobs, Buffer.from("b"), OTHER)];
    expect(await listed(blobs, before)).toEqual([]);
    const found = await listed(blobs, Date.now() + 1000);
    expect(found.map((name) => name.digest).toSorted()).toEqual(digests.toSorted());
  });
});
