// What a worker registers. Teams with a worker of their own: `export * from "postern/workflows"` in their workflow module.
export { inboundMessage, inboundMessages, type InboundResult } from "./inbound.ts";
export { holdMessage } from "./hold.ts";
export { outboundMessage } from "./outbound.ts";
export { upkeep } from "./upkeep.ts";
