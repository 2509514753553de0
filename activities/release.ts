import type { Decision } from "../src/model/decision.ts";
import type { ReleaseInput, ReleaseRefusal } from "../src/model/hold.ts";
import type { Trace } from "../src/store/contract.ts";
import { freshNames } from "./budget.ts";
import type { ActivityDeps } from "./deps.ts";

/** Records what a person decided; for `release` this is the dispatch to the pull channel. */
export async function release(deps: ActivityDeps, input: ReleaseInput, trace: Trace): Promise<Decision | ReleaseRefusal> {
  return deps.store.run("release.decide", { ...input, trace, ...freshNames(deps) });
}
