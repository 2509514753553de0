// What a worker registers. Teams with a worker of their own: `export * from "postern/workflows"` in their workflow module.
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
