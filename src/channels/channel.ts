import type { DispatchReason } from "../model/channel.ts";

/**
 * What became of one attempt. INVARIANT: `arrived` only when the receiver has said so; whoever tries again uses the same
 * delivery id, and the receiver drops what it has had.
 */
export type Attempt = Arrived | Missed;

interface Arrived {
  readonly arrived: true;
  /** HTTP status; null where there is none. */
  readonly status: number | null;
}

export interface Missed {
  readonly arrived: false;
  readonly reason: DispatchReason;
  readonly status: number | null;
  /** False: the receiver wants no more of it. */
  readonly again: boolean;
  /** Milliseconds the receiver asks to wait; null: it does not say. */
  readonly after_ms: number | null;
}

export function missed(reason: DispatchReason, more: Partial<Missed> = {}): Missed {
  return { arrived: false, reason, status: null, again: true, after_ms: null, ...more };
}
