import { hash } from "node:crypto";
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { isAbsent } from "../disk.ts";
import { keyOf, type BlobName } from "../name.ts";
import { scan } from "./scan.ts";
import { segmentsAmong, type SegmentName } from "./segment-name.ts";

interface Followed extends SegmentName {
  readonly fd: number;
  /** Up to here everything is known. */
  end: number;
}

interface Spot {
  readonly segment: Followed;
  readonly offset: number;
  readonly length: number;
}

/** Milliseconds: a directory that changed no longer ago may change once more without another time of change (FAT: 2 s). */
const RACY_MS = 2_000;

/**
 * A journal that another thread or process writes, for one that only reads. Blocks, as it has to look each time: a blob
 * that is in no segment now, and was durable before, is a file by now.
 */
export class JournalFollower {
  readonly #directory: string;
  readonly #segments = new Map<string, Followed>();
  readonly #spots = new Map<string, Spot>();
  #newest = 0;
  /** The directory's time of change, nanoseconds, when it was listed; null: it may have changed since. */
  #listed: bigint | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Null when the blob is not in the journal. */
  get(name: BlobName): Buffer | null {
    const bytes = this.#look(name);
    if (bytes === null || hash("sha256", bytes) === name.digest) return bytes;
    // The end of a segment was cut away again after its disk had failed: what is in the others counts.
    this.#forgetAllBut(new Set());
    return this.#look(name);
  }

  #look(name: BlobName): Buffer | null {
    const known = this.#isListed() ? this.#readNewest(name) : undefined;
    // That it is in no segment is only said when all have been looked at.
    if (known === undefined) this.#catchUp();
    const spot = known ?? this.#spots.get(keyOf(name));
    return spot === undefined ? null : readAt(spot.segment.fd, spot.length, spot.offset);
  }

  /** Whether segments have neither come nor gone since they were listed: a listing costs as much as reading a mail. */
  #isListed(): boolean {
    return this.#listed !== null && changedAt(this.#directory) === this.#listed;
  }

  #readNewest(name: BlobName): Spot | undefined {
    for (const segment of this.#segments.values()) if (segment.number >= this.#newest) this.#readOn(segment);
    return this.#spots.get(keyOf(name));
  }

  #catchUp(): void {
    // Asked for before: what comes meanwhile is another change.
    const changed = changedAt(this.#directory);
    const there = segmentsAmong(listed(this.#directory));
    this.#forgetAllBut(new Set(there.map(({ file }) => file)));
    // Only the newest one grows, and the one before it may have grown since it was looked at.
    for (const segment of there) if (segment.number >= this.#newest || !this.#segments.has(segment.file)) this.#read(segment);
    this.#newest = there.at(-1)?.number ?? this.#newest;
    this.#listed = changed !== null && Date.now() - Number(changed / 1_000_000n) > RACY_MS ? changed : null;
  }

  #forgetAllBut(there: ReadonlySet<string>): void {
    for (const [file, segment] of this.#segments) {
      if (there.has(file)) continue;
      this.#segments.delete(file);
      for (const [key, spot] of this.#spots) if (spot.segment === segment) this.#spots.delete(key);
      closeSync(segment.fd);
    }
  }

  #read(named: SegmentName & { readonly file: string }): void {
    const segment = this.#segments.get(named.file) ?? this.#open(named);
    if (segment !== null) this.#readOn(segment);
  }

  #readOn(segment: Followed): void {
    const { found, end } = scan(rest(segment), segment.marker, segment.end);
    segment.end = end;
    for (const { kind, name, offset, length } of found) {
      if (kind === "remove") this.#spots.delete(keyOf(name));
      else this.#spots.set(keyOf(name), { segment, offset, length });
    }
  }

  #open({ file, number, marker }: SegmentName & { readonly file: string }): Followed | null {
    try {
      const segment = { number, marker, fd: openSync(join(this.#directory, file), "r"), end: 0 };
      this.#segments.set(file, segment);
      return segment;
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }
}

/** Nanoseconds; null when there is no directory. */
function changedAt(directory: string): bigint | null {
  return statSync(directory, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? null;
}

function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function rest({ fd, end }: Followed): Buffer {
  return readAt(fd, Math.max(0, fstatSync(fd).size - end), end);
}

function readAt(fd: number, length: number, offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const count = readSync(fd, bytes, read, length - read, offset + read);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}
