import { PosternError } from "../src/model/errors.ts";
import type { HoldRef } from "../src/model/hold.ts";
import { isId } from "../src/model/ids.ts";

/**
 * What a workflow says it is about. It needs no ticket, because only its ids are used and the record judges what they name;
 * but attempts on what is not there are recorded too. INVARIANT: nothing but ids gets into the log, whoever starts a workflow.
 */
export function holdRef(ref: HoldRef): HoldRef {
  const { tenant, mailbox, hold } = ref;
  const ids = [tenant, mailbox, hold].every((id) => typeof id === "string");
  if (ids && isId("ten", tenant) && isId("mbx", mailbox) && (isId("drf", hold) || isId("msg", hold))) return { tenant, mailbox, hold };
  throw new PosternError("invalid_request", "a hold is named by ids");
}
