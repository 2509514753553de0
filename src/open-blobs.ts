import { join } from "node:path";
import type { Blobs } from "./blobs/blobs.ts";
import { createFileBlobs } from "./blobs/fs.ts";
import { createS3Blobs } from "./blobs/s3/blobs.ts";
import type { BlobSource } from "./blobs/source.ts";
import type { Config } from "./config.ts";
import type { PosternError } from "./model/errors.ts";

export interface OpenedBlobs {
  readonly blobs: Blobs;
  /** The same for threads that only read. */
  readonly source: BlobSource;
  /** On this machine's disk: takes bytes as they come, so its free space is what a door may accept. */
  readonly directory: string;
  close(): Promise<void>;
}

/** Files below the data directory, or the bucket of `POSTERN_BLOBS`. */
export async function openBlobs(
  { blobs: bucket, dataDir }: Pick<Config, "blobs" | "dataDir">,
  { clock, report }: { readonly clock: () => number; readonly report: (fault: PosternError) => void },
): Promise<OpenedBlobs> {
  if (bucket === undefined) {
    const directory = join(dataDir, "blobs");
    const blobs = await createFileBlobs(directory, clock, { report });
    return { blobs, source: { kind: "files", root: directory }, directory, close: () => blobs.close() };
  }
  const directory = join(dataDir, "spool");
  const blobs = await createS3Blobs(bucket, { spool: directory });
  return { blobs, source: { kind: "s3", settings: bucket }, directory, close: async () => undefined };
}
