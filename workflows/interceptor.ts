import { defaultPayloadConverter } from "@temporalio/common";
import type { Headers, WorkflowInterceptorsFactory } from "@temporalio/workflow";
import { DELIVERY_HEADER } from "../src/model/delivery-header.ts";
import { currentMail } from "./current.ts";

/**
 * Names the mail that the workflow deals with to every activity it calls, so that the worker can look up what that mail
 * allows. The header is a claim, not a proof: workflow code can forge it, and the worker believes the record alone.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) => next({ ...input, headers: named(input.headers) }),
      scheduleLocalActivity: (input, next) => next({ ...input, headers: named(input.headers) }),
    },
  ],
});

function named(headers: Headers): Headers {
  const mail = currentMail();
  return mail === null ? headers : { ...headers, [DELIVERY_HEADER]: defaultPayloadConverter.toPayload(mail.ref) };
}
