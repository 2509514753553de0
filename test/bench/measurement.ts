/** One number that was measured, with what it is held to where there is a target. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
}

/** A bound the value has to keep: at least, or at most. */
export type Target = { readonly least: number } | { readonly most: number };

export interface Measurement {
  readonly name: string;
  /** How it is measured, for who reads the table. */
  readonly about: string;
  /** Rejects only when it cannot be carried out though all that it needs is there. */
  run(terms: Terms): Promise<readonly Figure[] | Skipped>;
}

/** Something that not every machine has is missing. */
export interface Skipped {
  /** What, and where it is to be had. */
  readonly skipped: string;
}

export interface Terms {
  /** Fewer and shorter rounds, for a look rather than a figure. */
  readonly quick: boolean;
  /** What is going on, for who waits. */
  readonly say: (text: string) => void;
}

/** Null: there is nothing to hold. */
export function holds({ value, target }: Figure): boolean | null {
  if (target === undefined) return null;
  return "least" in target ? value >= target.least : value <= target.most;
}
