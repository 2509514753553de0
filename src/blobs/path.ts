import { join } from "node:path";
import type { BlobName } from "./name.ts";

/** `<root>/<tenant>/<2 hex>`. */
export function directoryOf(root: string, { tenant, digest }: BlobName): string {
  return join(root, tenant, digest.slice(0, 2));
}

/** `<root>/<tenant>/<2 hex>/<digest>`. */
export function pathOf(root: string, name: BlobName): string {
  return join(directoryOf(root, name), name.digest);
}

/** `<root>/journal`. */
export function journalOf(root: string): string {
  return join(root, "journal");
}
