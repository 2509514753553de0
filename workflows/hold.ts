import { ApplicationFailure, ApplicationFailureCategory } from "@temporalio/common";
import { proxyActivities } from "@temporalio/workflow";
import type { HoldActivities } from "../activities/index.ts";
import type { ReleaseInput, ReleaseResult } from "../src/model/hold.ts";
import { RELEASE_REFUSED_FAILURE } from "../src/model/names.ts";

const { posternRelease } = proxyActivities<HoldActivities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "200 milliseconds", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

/**
 * A person ends a hold or a quarantine: the second decision on a message, stage `release`. The workflow id is derived
 * from the message, so of two people deciding at once one starts it and the other is told.
 */
export async function releaseMessage(input: ReleaseInput): Promise<ReleaseResult> {
  const answer = await posternRelease(input);
  if ("refused" in answer) throw refused(answer.refused);
  return { id: answer.id, outcome: answer.outcome, reason: answer.reason };
}

// Failed, not completed: the same id may run again once the message does wait for a person.
function refused(code: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: RELEASE_REFUSED_FAILURE,
    message: code,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}
