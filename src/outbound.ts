import type { ActivityDeps, OutboundDeps } from "../activities/deps.ts";
import { faultOf } from "../activities/failures.ts";
import type { Bootstrapped } from "./bootstrap.ts";
import type { Config } from "./config.ts";
import type { MailComposer } from "./mail/composer.ts";
import { createFreezer } from "./screening/freeze.ts";
import { createScreening } from "./screening/screen.ts";
import type { Transport } from "./transports/transport.ts";

/** Milliseconds until the next hop is asked a second time. */
const RETRY_MS = 60_000;

export interface OutboundOptions extends Pick<Bootstrapped, "grants" | "sealer" | "identity"> {
  readonly composer: MailComposer;
  readonly transport: Transport;
  readonly config: Pick<Config, "publicUrl" | "identityHeader">;
  /** Default one minute. */
  readonly retryMs?: number;
}

/** What the activities of holds and of the outbound path are given beside those of the inbound path. */
export function createOutboundDeps(base: ActivityDeps, options: OutboundOptions): OutboundDeps {
  const { config, retryMs = RETRY_MS, ...given } = options;
  const { publicUrl, identityHeader } = config;
  const { composer } = given;
  const onFault = (error: unknown): void => base.onFault({ activity: "screen", ...faultOf(error) });
  return {
    ...base,
    ...given,
    ...{ publicUrl, identityHeader, retryMs },
    freezer: createFreezer({ ...base, composer }),
    screening: createScreening({ ...base, composer, onFault }),
  };
}
