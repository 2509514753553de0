import { randomBytes } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { isAbsent, readFully, writeAll } from "../disk.ts";
import { syncDirectory } from "../sync-directory.ts";
import { formatHeader, HEADER, MARKER, type RecordHeader } from "./record.ts";
import { scan, type Scan } from "./scan.ts";
import { formatSegmentName, type SegmentName } from "./segment-name.ts";

/** What is to be appended. */
export interface Entry extends Omit<RecordHeader, "group" | "length"> {
  readonly bytes: Buffer;
}

/** Bytes from which a segment takes no further group, and records: what is kept in memory of each is bounded too. */
const FULL = { bytes: 16 << 20, records: 10_000 };

/** One file of the journal. It only grows, by groups of records. */
export class Segment {
  readonly path: string;
  readonly #directory: string;
  readonly #marker: Buffer;
  readonly #file: FileHandle;
  #size: number;
  #records: number;
  /** Bytes in it were lost: it is put aside instead of being removed. */
  damaged = false;
  /** Milliseconds of the monotonic clock when it was opened, and when it was closed to further records. */
  readonly since = performance.now();
  sealed: number | null = null;

  private constructor(directory: string, name: SegmentName, file: FileHandle, size: number, records: number) {
    this.#directory = directory;
    this.path = join(directory, formatSegmentName(name));
    this.#marker = name.marker;
    this.#file = file;
    this.#size = size;
    this.#records = records;
  }

  /** An empty one, whose name is on the disk. */
  static async create(directory: string, number: number): Promise<Segment> {
    const name = { number, marker: randomBytes(MARKER) };
    const segment = new Segment(directory, name, await open(join(directory, formatSegmentName(name)), "wx+", 0o600), 0, 0);
    try {
      await syncDirectory(directory);
      return segment;
    } catch (error) {
      await segment.remove().catch(() => undefined);
      await segment.close();
      throw error;
    }
  }

  /** One that an earlier process left, closed to further records, and what is in it. */
  static async reopen(directory: string, name: SegmentName): Promise<{ readonly segment: Segment; readonly scan: Scan }> {
    const file = await open(join(directory, formatSegmentName(name)), "r");
    try {
      const { size } = await file.stat();
      const scanned = scan(await readFully(file, size, 0), name.marker, 0);
      const segment = new Segment(directory, name, file, scanned.end, scanned.found.length);
      segment.seal();
      segment.damaged = scanned.damage.length > 0;
      return { segment, scan: scanned };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get full(): boolean {
    return this.#size >= FULL.bytes || this.#records >= FULL.records;
  }

  get empty(): boolean {
    return this.#records === 0;
  }

  seal(): void {
    this.sealed ??= performance.now();
  }

  /** Resolves with where the bytes of each lie, when all of them are on the disk. After a rejection nothing may be appended. */
  async append(entries: readonly Entry[]): Promise<readonly number[]> {
    const group = this.#size;
    let end = group;
    const offsets: number[] = [];
    const parts: Buffer[] = [];
    for (const { bytes, ...header } of entries) {
      parts.push(formatHeader({ ...header, length: bytes.length, group }, this.#marker), bytes);
      offsets.push(end + HEADER);
      end += HEADER + bytes.length;
    }
    await writeAll(this.#file, Buffer.concat(parts), group);
    await this.#file.datasync();
    this.#size = end;
    this.#records += entries.length;
    return offsets;
  }

  /** After an append that failed: what it may have left does not come to light later. */
  async cutBack(): Promise<void> {
    await this.#file.truncate(this.#size);
  }

  /** Fewer bytes where it ends before. Rejects when it was closed meanwhile. */
  async read(offset: number, length: number): Promise<Buffer> {
    return readFully(this.#file, length, offset);
  }

  /** Its name goes from the disk; what is being read of it still can be. */
  async remove(): Promise<void> {
    if (this.damaged) await rename(this.path, this.asidePath).catch(unlessAbsent);
    else await rm(this.path, { force: true });
    await syncDirectory(this.#directory);
  }

  /** Where a damaged one is kept for whoever wants to look. */
  get asidePath(): string {
    return `${this.path}.damaged`;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function unlessAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error;
}
