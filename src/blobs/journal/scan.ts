import { hash } from "node:crypto";
import type { BlobName } from "../name.ts";
import { HEADER, parseHeader, type RecordHeader } from "./record.ts";

export interface Found extends RecordHeader {
  /** Where the blob's bytes begin in the segment. */
  readonly offset: number;
}

export interface Scan {
  /** Whole records, in the order they were written. */
  readonly found: readonly Found[];
  /** Where the last whole record ends; before it, everything was looked at. */
  readonly end: number;
  /** What was on the disk once and cannot be read any more. Not the last group: that one may have been cut off. */
  readonly damage: readonly Damage[];
}

export interface Damage {
  readonly from: number;
  readonly to: number;
  /** Of records whose header can still be read. */
  readonly names: readonly BlobName[];
}

/**
 * The records in what a segment holds from the offset `base` on. What is damaged is stepped over: the marker is random
 * and no mail can have it, so the next one begins a record.
 */
export function scan(bytes: Buffer, marker: Buffer, base: number): Scan {
  const found: Found[] = [];
  const holes: Damage[] = [];
  let end = 0;
  let names: BlobName[] = [];
  for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at)) {
    const header = parseHeader(bytes.subarray(at), marker);
    if (header === null || !isWhole(header, bytes.subarray(at + HEADER))) {
      if (header !== null) names.push(header.name);
      at += 1;
      continue;
    }
    if (at > end) holes.push({ from: base + end, to: base + at, names });
    names = [];
    found.push({ ...header, offset: base + at + HEADER });
    at += HEADER + header.length;
    end = at;
  }
  const synced = found.at(-1)?.group ?? 0;
  return { found, end: base + end, damage: holes.filter(({ from }) => from < synced) };
}

function isWhole({ kind, name, length }: RecordHeader, rest: Buffer): boolean {
  if (length > rest.length) return false;
  return kind === "remove" || hash("sha256", rest.subarray(0, length)) === name.digest;
}
