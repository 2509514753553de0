import type { Blobs } from "../src/blobs/blobs.ts";
import type { Uses } from "../src/blobs/uses.ts";
import type { IdentityKey } from "../src/grants/identity-key.ts";
import type { Sealer } from "../src/grants/seal.ts";
import type { GrantKey } from "../src/grants/sign.ts";
import type { IdentityHeaderName, MailComposer } from "../src/mail/composer.ts";
import type { MailReader } from "../src/mail/reader.ts";
import type { Freezer } from "../src/screening/freeze.ts";
import type { Screening } from "../src/screening/screen.ts";
import type { LoopCaps, Store } from "../src/store/contract.ts";
import type { SendDeps } from "./send.ts";

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

/** What holds and the outbound path need beside that. */
export interface OutboundDeps extends ActivityDeps {
  readonly composer: MailComposer;
  readonly transport: SendDeps["transport"];
  readonly freezer: Freezer;
  readonly screening: Screening;
  /** Checks the words of doors on who decides (DESIGN §4.4). */
  readonly grants: GrantKey;
  /** Opens the keys that sign. */
  readonly sealer: Sealer;
  readonly identity: IdentityKey;
  readonly identityHeader: IdentityHeaderName;
  readonly publicUrl: string;
  /** Milliseconds until the next hop is asked a second time; twice as long each time after that. */
  readonly retryMs: number;
}
