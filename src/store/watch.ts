import type { Watch } from "./contract.ts";

/** Node fires a longer timer at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Who waits for what, in this process. One watch tells of one movement; whoever wants the next watches again. */
export class Watches {
  readonly #waiting = new Map<string, Set<(moved: boolean) => void>>();
  #closed = false;

  watch(key: string, timeoutMs: number): Watch {
    if (this.#closed) return { moved: Promise.resolve(false), cancel: () => undefined };
    const { promise: moved, resolve } = Promise.withResolvers<boolean>();
    const settle = (answer: boolean): void => {
      clearTimeout(timer);
      this.#forget(key, settle);
      resolve(answer);
    };
    const timer = setTimeout(settle, Math.min(Math.max(0, timeoutMs), LONGEST_TIMER), false);
    this.#remember(key, settle);
    return { moved, cancel: () => settle(false) };
  }

  touched(keys: readonly string[]): void {
    for (const key of keys) for (const settle of [...(this.#waiting.get(key) ?? [])]) settle(true);
  }

  /** When movements may have been missed: a watcher woken for nothing reads and waits again. */
  touchAll(): void {
    this.touched([...this.#waiting.keys()]);
  }

  /** Ends every watch, and those still asked for. */
  close(): void {
    this.#closed = true;
    for (const waiting of [...this.#waiting.values()]) for (const settle of [...waiting]) settle(false);
  }

  #remember(key: string, settle: (moved: boolean) => void): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, new Set([settle]));
    else waiting.add(settle);
  }

  #forget(key: string, settle: (moved: boolean) => void): void {
    const waiting = this.#waiting.get(key);
    if (waiting?.delete(settle) === true && waiting.size === 0) this.#waiting.delete(key);
  }
}
