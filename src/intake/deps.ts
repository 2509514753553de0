import type { Blobs } from "../blobs/blobs.ts";
import type { Uses } from "../blobs/uses.ts";
import type { Gate } from "../gate.ts";
import type { MailReader } from "../mail/reader.ts";
import type { Store } from "../store/contract.ts";

/** What taking a message in stands on, whichever door it comes through. */
export interface IntakeDeps {
  readonly store: Pick<Store, "run">;
  readonly blobs: Pick<Blobs, "create" | "remove">;
  /** Shared with whatever else removes blobs in this process. */
  readonly uses: Uses;
  readonly gate: Pick<Gate, "receive">;
  readonly reader: Pick<MailReader, "inspect">;
  /** Bytes that may still be written where blobs are kept. Rejecting counts as none. */
  readonly freeBytes: () => Promise<number>;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** Told message ids, counts, codes; never an address, a host or content. */
  readonly log: IntakeLog;
}

/** Of pino's shape. */
export interface IntakeLog {
  info(facts: Readonly<Record<string, unknown>>, text: string): void;
  error(facts: Readonly<Record<string, unknown>>, text: string): void;
}
