import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { PosternError } from "../model/errors.ts";
import type { BlobWriter } from "./blobs.ts";
import { disk, writeAll } from "./disk.ts";

/** Moves the finished, synced file to its place and makes that durable. */
type Place = (temporary: string, digest: string) => Promise<void>;

/** One blob on its way: bytes go to `temporary` and are hashed as they come. */
export async function createFileWriter(temporary: string, place: Place): Promise<BlobWriter> {
  const file = await disk(() => open(temporary, "wx", 0o600));
  const hash = createHash("sha256");
  let size = 0;
  let ended = false;

  const discard = async (): Promise<void> => {
    ended = true;
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
  };
  const orDiscard = async (step: () => Promise<void>): Promise<void> => {
    if (ended) throw new PosternError("internal", "the blob was committed or aborted already");
    await disk(step).catch(async (error: unknown) => {
      await discard();
      throw error;
    });
  };

  return {
    write: (chunk) =>
      orDiscard(() => {
        const position = size;
        hash.update(chunk);
        size += chunk.length;
        return writeAll(file, chunk, position);
      }),
    async commit() {
      const digest = await finish();
      return { digest, size };
    },
    async abort() {
      if (!ended) await discard();
    },
  };

  // INVARIANT: bytes before name. A name that survives a power cut without its bytes would be a lost message.
  async function finish(): Promise<string> {
    let digest = "";
    await orDiscard(async () => {
      await file.sync();
      await file.close();
      digest = hash.digest("hex");
      await place(temporary, digest);
    });
    ended = true;
    return digest;
  }
}
