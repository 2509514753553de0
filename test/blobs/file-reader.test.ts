import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createFileReader } from "../../src/blobs/file-reader.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import type { TenantId } from "../../src/model/ids.ts";

const TENANT: TenantId = "ten_0000000000000000";
const OTHER: TenantId = "ten_1111111111111111";

async function stored(bytes: Buffer): Promise<{ root: string; digest: string }> {
  const root = await mkdtemp(join(tmpdir(), "postern-blobs-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const writer = await (await createFileBlobs(root, Date.now)).create(TENANT);
  await writer.write(bytes);
  return { root, digest: (await writer.commit()).digest };
}

it("PB-09 reads what the file blobs wrote, of that tenant alone, and knows what is absent", async () => {
  const bytes = Buffer.from("Subject: hello\r\n\r\n");
  const { root, digest } = await stored(bytes);
  const reader = createFileReader(root);
  expect(await reader.get(TENANT, digest)).toEqual(bytes);
  expect(await reader.get(OTHER, digest)).toBeNull();
  expect(await reader.get(TENANT, "0".repeat(64))).toBeNull();
  await expect(reader.get(TENANT, "../../secret")).rejects.toThrow();
});

it("refuses bytes that do not have their digest, and passes on what the disk says", async () => {
  const { root, digest } = await stored(Buffer.from("hello"));
  const path = join(root, TENANT, digest.slice(0, 2), digest);
  await writeFile(path, "hullo");
  await expect(createFileReader(root).get(TENANT, digest)).rejects.toMatchObject({ code: "internal" });
  await rm(path);
  await mkdir(path);
  await expect(createFileReader(root).get(TENANT, digest)).rejects.toMatchObject({ code: "EISDIR" });
});
