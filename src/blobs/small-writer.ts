import { hash } from "node:crypto";
import { PosternError } from "../model/errors.ts";
import type { Allowance } from "./allowance.ts";
import type { BlobWriter } from "./blobs.ts";

/** Bytes up to which a blob is small: nearly all mail, and little enough to be written twice. */
const SMALL = 256 * 1024;

export interface SmallTerms {
  readonly allowance: Allowance;
  /** Resolves when the blob is durable; with false when it must become a file. */
  readonly keep: (bytes: Buffer, digest: string) => Promise<boolean>;
  readonly toFile: () => Promise<BlobWriter>;
}

/** One blob on its way: held in memory while it is small and there is room, else in a file of its own. */
export function createSmallWriter({ allowance, keep, toFile }: SmallTerms): BlobWriter {
  let held: Buffer[] = [];
  let size = 0;
  let file: BlobWriter | null = null;
  let ended = false;

  const begin = (): void => {
    if (ended) throw new PosternError("internal", "the blob was committed or aborted already");
  };
  const end = (): void => {
    ended = true;
    held = [];
    allowance.give(size);
    size = 0;
  };
  /** The file takes over what was held; the caller is its only user from here on. */
  const overflow = async (): Promise<BlobWriter> => {
    const bytes = Buffer.concat(held);
    end();
    const writer = await toFile();
    await writer.write(bytes);
    return writer;
  };

  return {
    async write(chunk) {
      if (file !== null) return file.write(chunk);
      begin();
      if (size + chunk.length > SMALL || !allowance.take(chunk.length)) {
        file = await overflow();
        return file.write(chunk);
      }
      // Copied: the caller may reuse its buffer.
      held.push(Buffer.from(chunk));
      size += chunk.length;
    },
    async commit() {
      if (file !== null) return file.commit();
      begin();
      const bytes = Buffer.concat(held);
      const digest = hash("sha256", bytes);
      ended = true;
      try {
        if (await keep(bytes, digest)) return { digest, size: bytes.length };
        file = await overflow();
      } finally {
        end();
      }
      return file.commit();
    },
    async abort() {
      if (file !== null) return file.abort();
      if (!ended) end();
    },
  };
}
