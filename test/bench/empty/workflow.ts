import { proxyLocalActivities } from "@temporalio/workflow";
import type { EmptyActivities } from "./activities.ts";

const { first, second, third } = proxyLocalActivities<EmptyActivities>({
  startToCloseTimeout: "20 seconds",
  scheduleToCloseTimeout: "60 seconds",
  retry: { initialInterval: "100 milliseconds", backoffCoefficient: 2, maximumInterval: "2 seconds" },
});

/** The shape of a judgement with nothing in it. */
export async function empty(input: object): Promise<object> {
  const one = await first(input);
  const two = await second(input, one);
  return third(input, one, two);
}
