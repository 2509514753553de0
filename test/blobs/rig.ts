import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createFileBlobs, type FileBlobs, type FileBlobsOptions } from "../../src/blobs/fs.ts";
import type { TenantId } from "../../src/model/ids.ts";

export const TENANT: TenantId = "ten_0000000000000000";

export async function tempRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "postern-blobs-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

export async function openBlobs(root: string, options: FileBlobsOptions & { readonly now?: () => number } = {}): Promise<FileBlobs> {
  const blobs = await createFileBlobs(root, options.now ?? Date.now, options);
  onTestFinished(() => blobs.close());
  return blobs;
}

export async function put(blobs: Blobs, bytes: Buffer | string, tenant = TENANT): Promise<string> {
  const writer = await blobs.create(tenant);
  await writer.write(Buffer.from(bytes));
  return (await writer.commit()).digest;
}

export function pathOf(root: string, digest: string): string {
  return join(root, TENANT, digest.slice(0, 2), digest);
}

/** Another root with what is in this one now, as a crash would leave it. */
export async function afterCrash(root: string): Promise<string> {
  const copy = await tempRoot();
  await cp(root, copy, { recursive: true });
  return copy;
}

/** Another root in which the segments of a journal are all that came through. */
export async function journalAlone(root: string): Promise<string> {
  const copy = await tempRoot();
  await cp(join(root, "journal"), join(copy, "journal"), { recursive: true });
  return copy;
}
