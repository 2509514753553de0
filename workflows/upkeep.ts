import { proxyActivities } from "@temporalio/workflow";
import type { UpkeepActivities } from "../activities/index.ts";

const { posternRevive, posternEraseExpired, posternCollectBlobs } = proxyActivities<UpkeepActivities>({
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "1 minute",
  retry: { initialInterval: "10 seconds", backoffCoefficient: 2, maximumInterval: "10 minutes", maximumAttempts: 20 },
});

/**
 * Daily at 03:17 UTC (PB-23): what waits and has lost its workflow gets another; private audit details past their time and
 * blobs that nothing refers to go. `only`: what is lost, hourly.
 */
export async function upkeep(only?: "lost"): Promise<{ revived: number; erased: number; collected: number }> {
  const revived = await posternRevive();
  if (only === "lost") return { revived, erased: 0, collected: 0 };
  return { revived, erased: await posternEraseExpired(), collected: await posternCollectBlobs() };
}
