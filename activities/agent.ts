import type { DraftOrder, MailContent, StoredDraft } from "../src/model/agent.ts";
import type { DispatchRef } from "../src/model/channel.ts";
import { instanceOf } from "./allow.ts";
import type { OutboundDeps } from "./deps.ts";
import { traceHere, withCodes } from "./index.ts";
import { readMail } from "./read-mail.ts";
import { storeDraft } from "./store-draft.ts";

/** What `onMail` and `sendMail` call. */
export interface AgentActivities {
  posternReadMail(ref: DispatchRef): Promise<MailContent>;
  posternStoreDraft(order: DraftOrder): Promise<StoredDraft>;
}

/** For workflows of agents: on the worker of the main task queue, and on a team's own. */
export function createAgentActivities(deps: OutboundDeps, mainQueue: string): AgentActivities {
  const onUnreadable = ({ code }: { readonly code: string }): void => deps.onFault({ activity: "posternReadMail", code, where: "reader" });
  const given = { ...deps, mainQueue, onUnreadable, instance: () => instanceOf(deps.store) };
  return withCodes(deps, {
    posternReadMail: (ref: DispatchRef) => readMail(given, ref, traceHere()),
    posternStoreDraft: (order: DraftOrder) => storeDraft(given, order, traceHere()),
  });
}
