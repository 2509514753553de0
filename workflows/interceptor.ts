import { defaultPayloadConverter } from "@temporalio/common";
import { proxyLocalActivities, type Headers, type WorkflowInterceptorsFactory } from "@temporalio/workflow";
import type { NexusGuard } from "../src/model/agent.ts";
import { DELIVERY_HEADER } from "../src/model/delivery-header.ts";
import { currentMail } from "./current.ts";

/** On the worker that runs the workflow; one that has no guard begins no operation. */
const { posternAllowNexus } = proxyLocalActivities<NexusGuard>({
  startToCloseTimeout: "1 minute",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute", nonRetryableErrorTypes: ["NotFoundError"] },
});

/**
 * Names the mail that the workflow deals with to every activity it calls, so that the worker can look up what that mail
 * allows. The header is a claim, not a proof: workflow code can forge it, and the worker believes the record alone. Whoever
 * answers a Nexus operation knows nothing of this worker's record, so that is asked here, before it is begun.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) => next({ ...input, headers: named(input.headers) }),
      scheduleLocalActivity: (input, next) => next({ ...input, headers: named(input.headers) }),
      startNexusOperation: async (input, next) => {
        const { service, operation } = input;
        await posternAllowNexus({ service, operation, delivery: currentMail()?.ref ?? null });
        return next(input);
      },
    },
  ],
});

function named(headers: Headers): Headers {
  const mail = currentMail();
  return mail === null ? headers : { ...headers, [DELIVERY_HEADER]: defaultPayloadConverter.toPayload(mail.ref) };
}
