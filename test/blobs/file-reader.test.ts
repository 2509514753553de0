import { mkdir, rm, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { createFileReader } from "../../src/blobs/file-reader.ts";
import type { TenantId } from "../../src/model/ids.ts";
import { openBlobs, pathOf, put, TENANT, tempRoot } from "./rig.ts";

const OTHER: TenantId = "ten_1111111111111111";

async function stored(bytes: Buffer): Promise<{ root: string; digest: string }> {
  const root = await tempRoot();
  const blobs = await openBlobs(root);
  const digest = await put(blobs, bytes);
  await blobs.close();
  return { root, digest };
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
  const path = pathOf(root, digest);
  await writeFile(path, "hullo");
  await expect(createFileReader(root).get(TENANT, digest)).rejects.toMatchObject({ code: "internal" });
  await rm(path);
  await mkdir(path);
  await expect(createFileReader(root).get(TENANT, digest)).rejects.toMatchObject({ code: "EISDIR" });
});
