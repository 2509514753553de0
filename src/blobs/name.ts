import { PosternError } from "../model/errors.ts";
import type { TenantId } from "../model/ids.ts";

/** Where a blob lives, relative to the root of a blob store: `<tenant>/<first two hex digits>/<digest>`. */
export interface BlobName {
  readonly tenant: TenantId;
  readonly digest: string;
}

/** What a blob is known by in memory. */
export function keyOf({ tenant, digest }: BlobName): string {
  return `${tenant}/${digest}`;
}

/** Inverse of `keyOf`; null for what is no blob's. */
export function parseKey(key: string): BlobName | null {
  const [tenant = "", digest = "", ...rest] = key.split("/");
  return isTenant(tenant) && isDigest(digest) && rest.length === 0 ? { tenant, digest } : null;
}

/** Names become paths, so nothing but what we make ourselves may pass. Throws `invalid_request`. */
export function checkName({ tenant, digest }: BlobName): void {
  checkTenant(tenant);
  if (!isDigest(digest)) throw new PosternError("invalid_request", "a blob is named by 64 lower-case hex digits");
}

export function checkTenant(tenant: string): asserts tenant is TenantId {
  if (!isTenant(tenant)) throw new PosternError("invalid_request", "a blob belongs to a tenant id");
}

export function isTenant(text: string): text is TenantId {
  return /^ten_[0-9a-z]{1,64}$/.test(text);
}

export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** The directory that blobs with these first two digits share. */
export function isPrefix(text: string): boolean {
  return /^[0-9a-f]{2}$/.test(text);
}
