import { isUnheard, retell, type RetellDeps } from "../src/gate/retell.ts";
import type { DraftRow } from "../src/store/contract-outbound.ts";
import type { ActivityDeps } from "./deps.ts";
import { draftsIn, places } from "./every-draft.ts";
import { faultOf } from "./failures.ts";

/** Workflows told at once, and how many may not take it in before one upkeep tells no more: each takes seconds to say so. */
const AT_ONCE = 8;
const MOST_DEAF = 24;

export type RetellAllDeps = RetellDeps & Pick<ActivityDeps, "onFault">;

/**
 * Tells the workflows of drafts that are approved and have not moved since. A worker that is being stopped hears no answer, as
 * it takes in no update: rejects when `signal` says so. Returns how many were told.
 */
export async function retellUnheard(deps: RetellAllDeps, heartbeat: () => void, signal: AbortSignal): Promise<number> {
  let [told, deaf] = [0, 0];
  for await (const place of places(deps)) {
    for await (const drafts of draftsIn(deps, place, "queued")) {
      const unheard = drafts.filter((draft) => isUnheard(draft, deps.clock()));
      for (let at = 0; at < unheard.length; at += AT_ONCE) {
        const answers = await unlessStopped(
          signal,
          unheard.slice(at, at + AT_ONCE).map((draft) => tell(deps, draft)),
        );
        told += answers.filter((answer) => answer === "told").length;
        deaf += answers.filter((answer) => answer === "deaf").length;
        heartbeat();
        if (deaf >= MOST_DEAF) return told;
      }
    }
  }
  return told;
}

type Told = "told" | "nothing" | "deaf";

async function tell(deps: RetellAllDeps, { tenant, mailbox, id }: DraftRow): Promise<Told> {
  try {
    return (await retell(deps, { tenant, mailbox, hold: id })) ? "told" : "nothing";
  } catch (error) {
    const { code, where } = faultOf(error);
    deps.onFault({ activity: "retell", code, where });
    return "deaf";
  }
}

async function unlessStopped<T>(signal: AbortSignal, work: readonly Promise<T>[]): Promise<readonly T[]> {
  signal.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([Promise.all(work), over]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
