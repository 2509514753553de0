import { hash, randomUUID } from "node:crypto";
import { openAsBlob } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "../../model/errors.ts";
import { Allowance } from "../allowance.ts";
import type { Blobs } from "../blobs.ts";
import { createFileWriter } from "../file-writer.ts";
import { checkName, checkTenant, type BlobName } from "../name.ts";
import { createSmallWriter } from "../small-writer.ts";
import { Bucket } from "./bucket.ts";
import type { S3Settings } from "./settings.ts";

export interface S3BlobsOptions {
  /** Directory of this process's own for blobs over 256 KiB on their way; made if absent. */
  readonly spool: string;
  /** Milliseconds one request may take. Default 30,000. */
  readonly requestMs?: number;
}

/** Bytes of unfinished small blobs in memory, all together. */
const HELD_BYTES = 32 << 20;

/** Milliseconds after which an unfinished file belongs to nobody any more. */
const LEFTOVER_AGE = 24 * 3_600_000;

/**
 * Blobs in an S3-compatible bucket, key `<prefix><tenant>/<digest>`, for any number of processes and machines.
 * Durable when the bucket has answered; every put is a request, also of bytes that are there, so that their time is new.
 *
 * Rejects with a temporary `unavailable` while the bucket does not answer.
 */
export async function createS3Blobs(settings: S3Settings, { spool, requestMs }: S3BlobsOptions): Promise<Blobs> {
  const bucket = new Bucket(settings, requestMs);
  const allowance = new Allowance(HELD_BYTES);
  await mkdir(spool, { recursive: true, mode: 0o700 });
  await removeLeftovers(spool);
  return {
    async create(tenant) {
      checkTenant(tenant);
      return createSmallWriter({
        allowance,
        async keep(bytes, digest) {
          await bucket.put({ tenant, digest }, bytes);
          return true;
        },
        toFile: () =>
          createFileWriter(join(spool, randomUUID()), async (temporary, digest) => {
            await bucket.put({ tenant, digest }, await openAsBlob(temporary));
            await rm(temporary, { force: true });
          }),
      });
    },
    get: (tenant, digest) => get(bucket, { tenant, digest }),
    async remove(tenant, digest) {
      checkName({ tenant, digest });
      await bucket.remove({ tenant, digest });
    },
    async *list(before) {
      await removeLeftovers(spool);
      for await (const { tenant, digest, at } of bucket.list()) if (at < before) yield { tenant, digest };
    },
  };
}

/** For a thread that only reads mail. */
export function createS3Reader(settings: S3Settings): Pick<Blobs, "get"> {
  const bucket = new Bucket(settings);
  return { get: (tenant, digest) => get(bucket, { tenant, digest }) };
}

async function get(bucket: Bucket, name: BlobName): Promise<Buffer | null> {
  checkName(name);
  const bytes = await bucket.get(name);
  if (bytes === null || hash("sha256", bytes) === name.digest) return bytes;
  throw new PosternError("internal", "a blob does not have the digest it is named by");
}

async function removeLeftovers(spool: string): Promise<void> {
  for (const name of await readdir(spool)) {
    const path = join(spool, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < Date.now() - LEFTOVER_AGE) await rm(path, { force: true });
  }
}
