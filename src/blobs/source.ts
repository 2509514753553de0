import type { Blobs } from "./blobs.ts";
import { createFileReader } from "./file-reader.ts";
import { createS3Reader } from "./s3/blobs.ts";
import type { S3Settings } from "./s3/settings.ts";

/** Where blobs are, as plain data, for a thread that reads mail itself so that large ones never pass the main thread. */
export type BlobSource = { readonly kind: "files"; readonly root: string } | { readonly kind: "s3"; readonly settings: S3Settings };

export function createBlobReader(source: BlobSource): Pick<Blobs, "get"> {
  switch (source.kind) {
    case "files":
      return createFileReader(source.root);
    case "s3":
      return createS3Reader(source.settings);
    default:
      return source satisfies never;
  }
}
