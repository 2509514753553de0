import { createHash } from "node:crypto";
import { PosternError } from "../model/errors.ts";
import type { TenantId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import type { Blobs, BlobWriter } from "./blobs.ts";
import { checkName, checkTenant, type BlobName } from "./name.ts";

interface Kept extends BlobName {
  readonly bytes: Buffer;
  /** Epoch milliseconds of the last put. */
  readonly at: number;
}

/** Blobs that live as long as the process: for tests and trials, never for mail that was accepted. */
export function createMemoryBlobs(now: () => number): Blobs {
  const kept = new Map<string, Kept>();
  const keep = (tenant: TenantId, bytes: Buffer): MessageRef => {
    const digest = createHash("sha256").update(bytes).digest("hex");
    kept.set(`${tenant}/${digest}`, { tenant, digest, bytes, at: now() });
    return { digest, size: bytes.length };
  };
  return {
    async create(tenant) {
      checkTenant(tenant);
      return memoryWriter((bytes) => keep(tenant, bytes));
    },
    async get(tenant, digest) {
      checkName({ tenant, digest });
      const found = kept.get(`${tenant}/${digest}`);
      return found === undefined ? null : Buffer.from(found.bytes);
    },
    async remove(tenant, digest) {
      checkName({ tenant, digest });
      kept.delete(`${tenant}/${digest}`);
    },
    async *list(before) {
      for (const { tenant, digest, at } of [...kept.values()]) if (at < before) yield { tenant, digest };
    },
  };
}

function memoryWriter(keep: (bytes: Buffer) => MessageRef): BlobWriter {
  let chunks: Buffer[] | null = [];
  const open = (): Buffer[] => {
    if (chunks === null) throw new PosternError("internal", "the blob was committed or aborted already");
    return chunks;
  };
  return {
    // Copied: the caller may reuse its buffer.
    async write(chunk) {
      open().push(Buffer.from(chunk));
    },
    async commit() {
      const bytes = Buffer.concat(open());
      chunks = null;
      return keep(bytes);
    },
    async abort() {
      chunks = null;
    },
  };
}
