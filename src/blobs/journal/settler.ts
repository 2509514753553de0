import { hash } from "node:crypto";
import { PosternError } from "../../model/errors.ts";
import { keyOf, type BlobName } from "../name.ts";
import { syncDirectory } from "../sync-directory.ts";
import type { Tree } from "../tree.ts";
import type { Journal, Place } from "./journal.ts";
import type { Segment } from "./segment.ts";

export interface SettlerTerms {
  readonly journal: Journal;
  readonly tree: Tree;
  /** Milliseconds that a segment takes records, and as many again that it rests: refused mail is gone by then. */
  readonly restMs: number;
  /** Told of blobs that are lost, and when the disk does not take what the journal holds. */
  readonly report: (fault: PosternError) => void;
}

/** Segments from which on none rests any more. */
const MANY_SEGMENTS = 5;

/** Milliseconds until what failed is tried again. */
const PAUSE_MS = 30_000;

/** Milliseconds that closing spends on making files; the journal keeps the rest for the next start. */
const CLOSE_MS = 2_000;

/** Makes files of what is in the journal, in the background and one by one, and removes the segments. */
export class Settler {
  readonly #terms: SettlerTerms;
  readonly #timer: NodeJS.Timeout;
  #making: { readonly key: string; readonly done: Promise<void> } | null = null;
  #running: Promise<void> | null = null;
  #notBefore = 0;
  #closeBy: number | null = null;

  constructor(terms: SettlerTerms) {
    this.#terms = terms;
    this.#timer = setInterval(() => this.#tick(), Math.max(10, terms.restMs / 10)).unref();
  }

  /** Resolves when no file of this blob is being made. */
  async idle(name: BlobName): Promise<void> {
    if (this.#making?.key === keyOf(name)) await this.#making.done;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closeBy = performance.now() + CLOSE_MS;
    await this.#running;
    await this.#terms.journal.sealNow();
    await this.#run();
  }

  #tick(): void {
    this.#terms.journal.seal();
    if (this.#running !== null || performance.now() < this.#notBefore) return;
    this.#running = this.#run().finally(() => (this.#running = null));
  }

  async #run(): Promise<void> {
    try {
      for (let segment = this.#due(); segment !== null; segment = this.#due()) await this.#settle(segment);
    } catch (cause) {
      this.#notBefore = performance.now() + PAUSE_MS;
      const detail = cause instanceof Error ? cause.message : "";
      this.#terms.report(new PosternError("unavailable", "blobs stay in their journal", { temporary: true, detail, cause }));
    }
  }

  #due(): Segment | null {
    const { journal, restMs } = this.#terms;
    const segment = journal.oldest;
    if (segment === undefined || segment.sealed === null || this.#late) return null;
    const rested = performance.now() - segment.sealed >= restMs;
    return rested || journal.size >= MANY_SEGMENTS || this.#closeBy !== null ? segment : null;
  }

  get #late(): boolean {
    return this.#closeBy !== null && performance.now() >= this.#closeBy;
  }

  /** INVARIANT: the segment goes only when each of its blobs is a synced file under a synced name, or was removed. */
  async #settle(segment: Segment): Promise<void> {
    const { journal } = this.#terms;
    const unsynced = new Set<string>();
    const bytes = new Window(segment);
    const unreadable: BlobName[] = [];
    for (const place of journal.placesIn(segment)) {
      if (this.#late) return;
      // Nothing is awaited before it is known that the file is being made.
      if (journal.find(place.name) === place && !(await this.#make(place, bytes, unsynced))) unreadable.push(place.name);
    }
    for (const directory of unsynced) await syncDirectory(directory);
    if (unreadable.length > 0) {
      segment.damaged = true;
      await reportLoss(this.#terms, segment, unreadable);
    }
    await journal.dropOldest();
  }

  /** False when the bytes are damaged. */
  async #make(place: Place, bytes: Window, unsynced: Set<string>): Promise<boolean> {
    const made = this.#place(place, bytes, unsynced);
    const ignored = (): void => undefined;
    this.#making = { key: keyOf(place.name), done: made.then(ignored, ignored) };
    return made.finally(() => (this.#making = null));
  }

  async #place({ name, offset, length }: Place, window: Window, unsynced: Set<string>): Promise<boolean> {
    const bytes = await window.read(offset, length);
    if (hash("sha256", bytes) !== name.digest) return false;
    await this.#terms.tree.place(name, bytes, unsynced);
    return true;
  }
}

/** Bytes of a segment read at a time: most blobs are small, and lie in the order in which files are made of them. */
const WINDOW = 1 << 20;

class Window {
  readonly #segment: Segment;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  /** Fewer bytes where the segment ends before. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      this.#bytes = await this.#segment.read(offset, Math.max(length, WINDOW));
      this.#start = offset;
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}

/** Bytes of a segment cannot be read any more: says which blobs are gone with them, if any. */
export async function reportLoss(
  { journal, tree, report }: Pick<SettlerTerms, "journal" | "tree" | "report">,
  segment: Segment,
  names: readonly BlobName[],
): Promise<void> {
  const lost: string[] = [];
  for (const name of names) {
    const elsewhere = journal.find(name)?.segment;
    if (elsewhere !== undefined && elsewhere !== segment) continue;
    if ((await tree.get(name).catch(() => null)) === null) lost.push(keyOf(name));
  }
  report(
    new PosternError("internal", "a journal of blobs is damaged", {
      fix: `see what can be recovered from \`${segment.asidePath}\`, then delete it`,
      detail: `${segment.asidePath}, lost: ${lost.join(", ") || "none that it names"}`,
    }),
  );
}
