import { proxyActivities, proxyLocalActivities } from "@temporalio/workflow";
import type { EmptyActivities } from "./activities.ts";

const { first, second, third } = proxyLocalActivities<EmptyActivities>({
  startToCloseTimeout: "20 seconds",
  scheduleToCloseTimeout: "60 seconds",
  retry: { initialInterval: "100 milliseconds", backoffCoefficient: 2, maximumInterval: "2 seconds" },
});

const { third: regular } = proxyActivities<EmptyActivities>({
  startToCloseTimeout: "15 minutes",
  heartbeatTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" },
});

/** The shape of a judgement with nothing in it. */
export async function empty(input: object): Promise<object> {
  const one = await first(input);
  const two = await second(input, one);
  return third(input, one, two);
}

/** The shape of a draft that leaves at once (DESIGN §4: compose, screen, send): its last step is an activity of the queue. */
export async function emptySending(input: object): Promise<object> {
  const one = await first(input);
  const two = await second(input, one);
  return regular(input, one, two);
}
