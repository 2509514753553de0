import { setTimeout as sleep } from "node:timers/promises";
import type { Crowd } from "./crowd.ts";
import { isRepeatable, isTaken } from "./fault.ts";

/** Attempts at one operation that others keep getting in the way of. */
const MOST = 15;
/** Milliseconds; the wait before attempt n is anything up to `FIRST · 2ⁿ`, at most `LONGEST`. */
const FIRST = 1;
const LONGEST = 250;

/**
 * Runs an operation until no other was in its way. `random`: 0 to 1, so that those who met do not meet again. What was
 * taken is asked for once more: where two made the same row, the second then finds it as the first left it.
 */
export async function retried<T>(attempt: () => Promise<T>, crowd: Crowd, random: () => number): Promise<T> {
  let taken = 0;
  for (let number = 1; ; number += 1) {
    await crowd.enter(number > 1);
    try {
      const result = await attempt();
      crowd.leave(false);
      return result;
    } catch (error) {
      const met = isRepeatable(error);
      crowd.leave(met);
      const again = met || (isTaken(error) && ++taken === 1);
      if (!again || number === MOST) throw error;
      await sleep(random() * Math.min(LONGEST, FIRST * 2 ** number));
    }
  }
}
