import type { TenantId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";

/**
 * Bytes by content. A blob is named by tenant and SHA-256, so putting the same bytes twice is one blob; nothing is ever
 * changed in place. Callers retry; implementations do not.
 */
export interface Blobs {
  /** Takes bytes as they come. Nothing is kept until `commit`. */
  create(tenant: TenantId): Promise<BlobWriter>;
  /** Null when absent. Rejects when the bytes read do not have the digest. */
  get(tenant: TenantId, digest: string): Promise<Buffer | null>;
  /** Removing what is absent is fine. */
  remove(tenant: TenantId, digest: string): Promise<void>;
  /** Blobs last put before `before` (epoch ms), for collection. */
  list(before: number): AsyncIterable<{ readonly tenant: TenantId; readonly digest: string }>;
}

export interface BlobWriter {
  write(chunk: Buffer): Promise<void>;
  /** INVARIANT: resolves only when the bytes survive a power cut, and are found after it. */
  commit(): Promise<MessageRef>;
  /** Leaves no trace. Safe after `commit`, where it does nothing. */
  abort(): Promise<void>;
}
