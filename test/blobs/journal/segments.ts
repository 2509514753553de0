import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isAbsent } from "../../../src/blobs/disk.ts";
import { scan, type Scan } from "../../../src/blobs/journal/scan.ts";
import type { Entry } from "../../../src/blobs/journal/segment.ts";
import { segmentsAmong } from "../../../src/blobs/journal/segment-name.ts";

export const TENANT = "ten_0000000000000000";

export function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function putOf(bytes: Buffer, at = 0): Entry {
  return { kind: "put", name: { tenant: TENANT, digest: digestOf(bytes) }, at, bytes };
}

export interface SegmentFile extends Scan {
  readonly path: string;
  readonly bytes: Buffer;
  readonly marker: Buffer;
}

/** What lies in the segments of a journal, oldest first; not those that are removed meanwhile. */
export async function readSegments(directory: string): Promise<readonly SegmentFile[]> {
  const segments: SegmentFile[] = [];
  for (const { file, marker } of segmentsAmong(await readdir(directory))) {
    const path = join(directory, file);
    const bytes = await readFile(path).catch(nullIfAbsent);
    if (bytes !== null) segments.push({ path, bytes, marker, ...scan(bytes, marker, 0) });
  }
  return segments;
}

function nullIfAbsent(error: unknown): null {
  if (isAbsent(error)) return null;
  throw error;
}
