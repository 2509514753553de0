import type { Config } from "../../config.ts";
import { PosternError } from "../../model/errors.ts";
import { failed, ok, type Check } from "./check.ts";

const OLDEST_NODE = 24;
/** Before this release: a clock that shows less was never set. */
const EARLIEST = Date.parse("2026-01-01T00:00:00Z");

export function nodeCheck(version: string): Check {
  return {
    name: "node",
    run: async () => (isOldNode(version) ? failed(`${version} is older than ${OLDEST_NODE}`, NODE_FIX) : ok(version)),
  };
}

/** Throws where the service could not even be loaded. */
export function requireNode(version: string): void {
  if (isOldNode(version)) throw new PosternError("invalid_config", `Node ${version} is older than ${OLDEST_NODE}`, { fix: NODE_FIX });
}

const NODE_FIX = "run `npm run postern -- …`, which brings its own, or install a newer one";

function isOldNode(version: string): boolean {
  return Number(version.split(".")[0]) < OLDEST_NODE;
}

export function configCheck(config: Config | PosternError): Check {
  const run = async () =>
    config instanceof PosternError
      ? failed(config.message.replaceAll("\n", "; "), config.fix ?? "correct the variables named here")
      : ok(
          `data in ${config.dataDir}, trusted relays ${config.trustedRelays.join(", ") || "none"}, STARTTLS ${config.tls === undefined ? "off" : "on"}`,
        );
  return { name: "settings", run };
}

/** Signatures, windows and grants are judged by it. */
export function clockCheck(clock: () => number): Check {
  const run = async () => {
    const now = clock();
    const shown = new Date(now).toISOString().slice(0, 19) + "Z";
    return now < EARLIEST ? failed(`it shows ${shown}, which is over`, "set the clock, best by NTP") : ok(shown);
  };
  return { name: "clock", run };
}
