/** Gives a place back. Calling it again does nothing. */
export type Release = () => void;

/** A bound on how many may be busy at once, in total and for one key. Never waits: the answer is now, or null. */
export interface Slots {
  /** Null: no place. A key of null is bound by the total alone. */
  take(key: string | null): Release | null;
  /** Places taken. */
  readonly busy: number;
}

export function createSlots(bounds: { readonly total: number; readonly perKey: number }): Slots {
  const perKey = new Map<string, number>();
  let busy = 0;

  const count = (key: string, step: 1 | -1): void => {
    const next = (perKey.get(key) ?? 0) + step;
    if (next === 0) perKey.delete(key);
    else perKey.set(key, next);
  };

  return {
    take(key) {
      if (busy >= bounds.total) return null;
      if (key !== null && (perKey.get(key) ?? 0) >= bounds.perKey) return null;
      busy += 1;
      if (key !== null) count(key, 1);
      return once(() => {
        busy -= 1;
        if (key !== null) count(key, -1);
      });
    },
    get busy() {
      return busy;
    },
  };
}

function once(act: () => void): Release {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    act();
  };
}
