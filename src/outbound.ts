import type { ActivityDeps, DispatchDeps, OutboundDeps } from "../activities/deps.ts";
import { faultOf } from "../activities/failures.ts";
import { Precedence } from "../activities/precedence.ts";
import type { Bootstrapped } from "./bootstrap.ts";
import type { Config } from "./config.ts";
import type { MailComposer } from "./mail/composer.ts";
import { createLookup } from "./net/lookup.ts";
import type { Post } from "./net/post.ts";
import type { Lookup, Targets } from "./net/target.ts";
import { createFreezer } from "./screening/freeze.ts";
import { createScreening } from "./screening/screen.ts";
import type { Transport } from "./transports/transport.ts";

/** Milliseconds until the next hop is asked a second time. */
const RETRY_MS = 60_000;

/** Milliseconds, as DESIGN §3.7 has them: 1 s doubling to an hour, for a day. */
const DISPATCHING: DispatchDeps["dispatching"] = { firstMs: 1_000, longestMs: 3_600_000, giveUpMs: 86_400_000 };

export interface OutboundOptions extends Pick<Bootstrapped, "grants" | "sealer" | "identity" | "tickets"> {
  readonly composer: MailComposer;
  readonly transport: Transport;
  readonly config: Pick<Config, "publicUrl" | "identityHeader" | "webhookAllow">;
  /** Default one minute. */
  readonly retryMs?: number;
  /** Default: {@link DISPATCHING}. */
  readonly dispatching?: DispatchDeps["dispatching"];
  /** How hosts of webhooks are found. Default: {@link createLookup}. */
  readonly lookup?: Lookup;
}

/** What the activities of holds, deliveries and of the outbound path are given beside those of the inbound path. */
export function createOutboundDeps(base: ActivityDeps & Pick<OutboundDeps, "freeBytes">, options: OutboundOptions): OutboundDeps {
  const { config, retryMs = RETRY_MS, dispatching = DISPATCHING, lookup, ...given } = options;
  const { publicUrl, identityHeader } = config;
  const { composer } = given;
  const allowed = new Set(config.webhookAllow);
  const targets = { allowed, lookup: lookup ?? createLookup(allowed) };
  const onFault = (error: unknown): void => base.onFault({ activity: "screen", ...faultOf(error) });
  const screening = createScreening({ ...base, composer, onFault });
  return {
    ...base,
    ...given,
    ...{ publicUrl, identityHeader, retryMs, dispatching },
    webhooks: { post: createLatePost(targets), targets },
    precedence: new Precedence(),
    freezer: createFreezer({ ...base, composer, seen: screening.seen }),
    screening,
  };
}

/** The HTTP client is a hundred modules, and many an instance never calls anybody. */
function createLatePost(targets: Targets): Post {
  let post: Post | undefined;
  return async (...call) => {
    // What could not be loaded is looked for again at the next call.
    post ??= (await import("./net/post.ts")).createPost(targets);
    return post(...call);
  };
}
