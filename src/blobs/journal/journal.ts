import { mkdir, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { keyOf, type BlobName } from "../name.ts";
import { syncDirectory } from "../sync-directory.ts";
import { Segment, type Entry } from "./segment.ts";
import { segmentsAmong } from "./segment-name.ts";
import type { Damage } from "./scan.ts";

/** A blob in the journal. */
export interface Place {
  readonly name: BlobName;
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
  /** Epoch milliseconds of the put. */
  readonly at: number;
}

export interface Loss {
  readonly segment: Segment;
  readonly damage: readonly Damage[];
}

interface Waiting {
  readonly entry: Entry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** With more segments no blob is taken, but for those that wait already. */
const MOST_SEGMENTS = 8;

/** Bytes of blobs written and synced at once. */
const GROUP_BYTES = 4 << 20;

/**
 * Blobs that are durable, and not yet files of their own: one fdatasync serves all that wait together. Records are only
 * appended, in segments that are emptied and removed oldest first; of a blob's records the last one counts.
 */
export class Journal {
  readonly #directory: string;
  readonly #age: number;
  readonly #segments: Segment[] = [];
  readonly #places = new Map<string, Place>();
  readonly #waiting: Waiting[] = [];
  #open: Segment | null = null;
  #lastNumber = 0;
  #flushing: Promise<void> | null = null;

  private constructor(directory: string, age: number) {
    this.#directory = directory;
    this.#age = age;
  }

  /**
   * Finds all that earlier processes left in `directory`, which is made if absent.
   *
   * @param age milliseconds after which a segment takes no more records
   */
  static async open(directory: string, age: number): Promise<{ readonly journal: Journal; readonly losses: readonly Loss[] }> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(directory));
    const journal = new Journal(directory, age);
    const losses: Loss[] = [];
    for (const name of segmentsAmong(await readdir(directory))) {
      const { segment, scan } = await Segment.reopen(directory, name);
      journal.#segments.push(segment);
      journal.#lastNumber = name.number;
      for (const { kind, offset, ...found } of scan.found) journal.#note(kind, { ...found, segment, offset });
      if (scan.damage.length > 0) losses.push({ segment, damage: scan.damage });
    }
    return { journal, losses };
  }

  /** False when blobs should go another way until segments have been removed. */
  get hasRoom(): boolean {
    return this.#segments.length <= MOST_SEGMENTS;
  }

  get oldest(): Segment | undefined {
    return this.#segments[0];
  }

  get size(): number {
    return this.#segments.length;
  }

  /** Resolves when the record would survive a power cut. A rejection leaves nothing behind. */
  append(entry: Entry): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ entry, resolve, reject });
    this.#flushing ??= this.#flush();
    return promise;
  }

  find(name: BlobName): Place | undefined {
    return this.#places.get(keyOf(name));
  }

  places(): Iterable<Place> {
    return this.#places.values();
  }

  placesIn(segment: Segment): readonly Place[] {
    return [...this.#places.values()].filter((place) => place.segment === segment);
  }

  /** Closes the open segment to further records if it is full or old. */
  seal(): void {
    // INVARIANT: never under an append, or a segment could go before its last blobs are known.
    if (this.#flushing === null) this.#sealIf(this.#age);
  }

  /** Waits for what is being written. */
  async sealNow(): Promise<void> {
    await this.#flushing;
    this.#sealIf(0);
  }

  #sealIf(age: number): void {
    if (this.#open === null || (performance.now() - this.#open.since < age && !this.#open.full)) return;
    this.#open.seal();
    this.#open = null;
  }

  /** Once each of its blobs is durable elsewhere. INVARIANT: oldest first, or a removal could be forgotten before its blob. */
  async dropOldest(): Promise<void> {
    const segment = this.#segments[0];
    if (segment === undefined) return;
    await segment.remove();
    this.#segments.shift();
    for (const { name } of this.placesIn(segment)) this.#places.delete(keyOf(name));
    await segment.close();
  }

  /** Waits for what is being written. What the segments hold stays there. */
  async close(): Promise<void> {
    await this.#flushing;
    for (const segment of this.#segments.splice(0)) await segment.close();
  }

  async #flush(): Promise<void> {
    // What the same turn brings goes together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
    this.#flushing = null;
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0;
    const beyond = this.#waiting.findIndex(({ entry }, index) => (bytes += entry.bytes.length) > GROUP_BYTES && index > 0);
    return this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : beyond);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const segment = await this.#current();
      const offsets = await segment.append(group.map(({ entry }) => entry));
      for (const [index, { entry, resolve }] of group.entries()) {
        this.#note(entry.kind, { ...entry, segment, offset: offsets[index] as number, length: entry.bytes.length });
        resolve();
      }
    } catch (error) {
      await this.#abandon();
      for (const { reject } of group) reject(error);
    }
  }

  async #current(): Promise<Segment> {
    this.#sealIf(this.#age);
    if (this.#open !== null) return this.#open;
    this.#open = await Segment.create(this.#directory, ++this.#lastNumber);
    this.#segments.push(this.#open);
    return this.#open;
  }

  /** After a failed write or sync nobody knows what the file holds from there on, so nothing is ever put behind it. */
  async #abandon(): Promise<void> {
    const segment = this.#open;
    this.#open = null;
    if (segment === null) return;
    if (segment.empty) {
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      await segment.remove().catch(() => undefined);
      return segment.close();
    }
    await segment.cutBack().catch(() => undefined);
    segment.seal();
  }

  #note(kind: Entry["kind"], { name, segment, offset, length, at }: Place): void {
    if (kind === "remove") this.#places.delete(keyOf(name));
    else this.#places.set(keyOf(name), { name, segment, offset, length, at });
  }
}
