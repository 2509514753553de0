import type { HoldId } from "./hold.ts";
import { holdWorkflowId, isId, outboundWorkflowId } from "./ids.ts";

/** The workflow that hears attempts on a hold. */
export function holdWorkflowOf(hold: HoldId): string {
  return isId("drf", hold) ? outboundWorkflowId(hold) : holdWorkflowId(hold);
}
