import type { Blobs } from "../src/blobs/blobs.ts";
import type { Uses } from "../src/blobs/uses.ts";
import type { IdentityKey } from "../src/grants/identity-key.ts";
import type { Sealer } from "../src/grants/seal.ts";
import type { GrantKey } from "../src/grants/sign.ts";
import type { IdentityHeaderName, MailComposer } from "../src/mail/composer.ts";
import type { MailReader } from "../src/mail/reader.ts";
import type { Tickets } from "../src/model/ticket.ts";
import type { Freezer } from "../src/screening/freeze.ts";
import type { Screening } from "../src/screening/screen.ts";
import type { LoopCaps, Store } from "../src/store/contract.ts";
import type { WebhookPort } from "./dispatch.ts";
import type { Precedence } from "./precedence.ts";
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

/** What deliveries by channels that leave the process need beside that. */
export interface DispatchDeps extends ActivityDeps {
  /** Signs what travels with a message. */
  readonly grants: GrantKey;
  /** Opens the secrets of webhooks. */
  readonly sealer: Sealer;
  readonly webhooks: WebhookPort;
  /** Milliseconds: until the second attempt, twice as long each time after that, never longer than the longest, and when it is given up. */
  readonly dispatching: { readonly firstMs: number; readonly longestMs: number; readonly giveUpMs: number };
}

/** What holds and the outbound path need beside that. */
export interface OutboundDeps extends DispatchDeps {
  readonly tickets: Tickets;
  readonly composer: MailComposer;
  readonly transport: SendDeps["transport"];
  readonly freezer: Freezer;
  /** Bytes that may still be written where blobs are. */
  readonly freeBytes: () => Promise<number>;
  readonly screening: Screening;
  /** Shared with the doors of this process. */
  readonly precedence: Precedence;
  readonly identity: IdentityKey;
  readonly identityHeader: IdentityHeaderName;
  readonly publicUrl: string;
  /** Milliseconds until the next hop is asked a second time; twice as long each time after that. */
  readonly retryMs: number;
}
