import type { Blobs } from "../src/blobs/blobs.ts";
import type { Uses } from "../src/blobs/uses.ts";
import type { MailReader } from "../src/mail/reader.ts";
import type { LoopCaps, Store } from "../src/store/contract.ts";

/** What the activities are given; the real ones are chosen in a composition root. */
export interface ActivityDeps {
  readonly store: Store;
  readonly blobs: Blobs;
  /** Shared with the doors of this process: what they work with is not collected. */
  readonly uses: Uses;
  readonly reader: MailReader;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly loopCaps: LoopCaps;
  /** Told of a fault that a message is held or retried for. Gets a code and a place, never content. */
  readonly onFault: (fault: { readonly activity: string; readonly code: string; readonly where: string }) => void;
}
