import type { DispatchRef } from "../src/model/channel.ts";

/** The mail that this workflow deals with, between two turns of its loop over `onMail()`. */
interface Current {
  readonly ref: DispatchRef;
  /** Drafts written about it so far. */
  drafts: number;
}

// State of one workflow: the SDK gives each a module cache of its own (since 1.20.3; test/plugin/inbox.test.ts holds it to that).
let current: Current | null = null;

export function currentMail(): Current | null {
  return current;
}

export function turnTo(ref: DispatchRef | null): void {
  current = ref === null ? null : { ref, drafts: 0 };
}
