export interface RecentBounds {
  readonly entries: number;
  /** Milliseconds after which an entry is worked out anew. */
  readonly ms: number;
}

/**
 * Results of work that is done once though several ask for it, at the same time or one after another. Least recently
 * made goes first. What failed is not kept.
 */
export class Recent<T> {
  readonly #bounds: RecentBounds;
  readonly #clock: () => number;
  readonly #entries = new Map<string, { readonly result: Promise<T>; readonly made: number }>();

  constructor(bounds: RecentBounds, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  get(name: string, work: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(name);
    if (known !== undefined && this.#clock() - known.made < this.#bounds.ms) return known.result;
    const entry = { result: work(), made: this.#clock() };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.result.catch(() => this.#entries.get(name) === entry && this.#entries.delete(name));
    const oldest = this.#entries.size > this.#bounds.entries ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.#entries.delete(oldest);
    return entry.result;
  }
}
