// What a worker registers. Teams with a worker of their own: `export * from "postern/workflows"` in their workflow module.
//
// None declares a versioning behaviour (`setWorkflowOptions`), although all could be AUTO_UPGRADE: the SDK sends it from every
// worker, and the server then refuses the tasks of workers without Worker Versioning, which are most. The worker says it.
export { inboundMessage, inboundMessages, type InboundResult } from "./inbound.ts";
export { dispatchMessage } from "./dispatch.ts";
export { holdMessage } from "./hold.ts";
export { outboundMessage } from "./outbound.ts";
export { upkeep } from "./upkeep.ts";

// For the workflows of agents. Everything from here on is @experimental until 1.0.
export { Inbox, isCapabilityDenied, onMail, type InboxOptions, type Mail } from "./mail.ts";
export { sendMail, type SendMailOptions } from "./send-mail.ts";
export type { InboxState, MailContent, MailDraft, Sent } from "../src/model/agent.ts";
export type { MailDelivery, MailStart } from "../src/model/channel.ts";
