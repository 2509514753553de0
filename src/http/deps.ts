import type { Registry } from "prom-client";
import type { Blobs } from "../blobs/blobs.ts";
import type { Uses } from "../blobs/uses.ts";
import type { Gate } from "../gate.ts";
import type { IdentityJwk } from "../grants/identity-key.ts";
import type { Sealer } from "../grants/seal.ts";
import type { GrantKey } from "../grants/sign.ts";
import type { Resolver } from "../mail/dns.ts";
import type { Slots } from "../intake/slots.ts";
import type { MailComposer } from "../mail/composer.ts";
import type { MailReader } from "../mail/reader.ts";
import type { Targets } from "../net/target.ts";
import type { Freezer } from "../screening/freeze.ts";
import type { Screening } from "../screening/screen.ts";
import type { Store } from "../store/contract.ts";
import type { Caller } from "./auth.ts";
import type { SignedRequest, Tried } from "./webhook-test.ts";

/** Everything the HTTP door touches; real ones are chosen by the composition root. */
export interface HttpDeps {
  readonly store: Store;
  readonly gate: Gate;
  readonly blobs: Blobs;
  /** What mail that is brought here is taken in by; judgements are counted together with the mail doors'. */
  readonly intake: { readonly size: number; readonly answerMs: number; readonly judgements: Slots };
  /** Bytes that may still be written where blobs are. */
  readonly freeBytes: () => Promise<number>;
  /** Shared with the other doors and the activities: what is worked with is not collected. */
  readonly uses: Uses;
  readonly reader: MailReader;
  readonly grants: GrantKey;
  /** Public part of the key that signs identity headers. */
  readonly identity: IdentityJwk;
  /** Keeps the DKIM keys and the secrets of webhooks that are made here. */
  readonly sealer: Sealer;
  /** Where webhooks may go to, and how one is called: with every check of a delivery, and never rejecting for what a receiver does. */
  readonly webhooks: { readonly targets: Targets; readonly deliver: (request: SignedRequest) => Promise<Tried> };
  /** Asked for a domain's records; without a cache, because people publish and try again. */
  readonly resolver: Resolver;
  /** Shows people what would leave. */
  readonly composer: Pick<MailComposer, "preview">;
  /** These two are for a dry run (NY-14): composed and judged, nothing recorded. */
  readonly freezer: Freezer;
  readonly screening: Pick<Screening, "judge">;
  /** How mail leaves this instance. */
  readonly transport: { readonly kind: "sandbox" | "smtp" };
  /** For commands that are printed: where the Temporal CLI finds the workflows. */
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: HttpLog;
  /** The door adds its own metrics and serves all of them on `/metrics`. One app per registry. */
  readonly metrics: Registry;
  readonly version: string;
  /** How the world reaches this instance, without a final slash; named in `/openapi.json` and `/docs`. */
  readonly publicUrl: string;
  /** Submits of one key in an hour that may come to nothing. Default 600. */
  readonly submitsPerHour?: number;
  /** Aborted when the instance stops: long polls answer at once. */
  readonly closing?: AbortSignal;
}

/** Of pino's shape. Gets facts about requests; never keys, bodies, addresses or raw paths. */
export interface HttpLog {
  info(facts: Readonly<Record<string, unknown>>, text: string): void;
  error(facts: Readonly<Record<string, unknown>>, text: string): void;
}

/** What middleware leaves for routes. */
export interface HttpEnv {
  Variables: {
    requestId: string;
    /** Null: no key, or one that is not known. */
    caller: Caller | null;
  };
}
