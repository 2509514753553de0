import type { WORKFLOW } from "./names.ts";

/** What a workflow carries from one of us to another, with the word of whoever made it: a door of ours, or a step of ours. */
export type Ticketed<I extends object> = I & { readonly ticket: string };

/** Workflow types whose input needs one, because no record has it yet, and steps whose result the next one goes by. */
export type TicketedType = (typeof WORKFLOW)["inboundMessage" | "inboundMessages" | "outboundMessage"] | TicketedStep;
export type TicketedStep = "posternVerify" | "posternGuard";

/**
 * Makes and checks tickets. Whoever may write to the Temporal namespace may start our workflows with any input; only an
 * instance with the secret key can make the ticket that the steps ask for. The same input has the same ticket, for ever: a
 * workflow that was lost is started again with it. Whoever may read histories can repeat an input, and nothing else: that
 * is one more run for the same message or draft, which finds what is recorded.
 */
export interface Tickets {
  /** `type`: what it is for; a ticket for one is none for another. `data` must be plain JSON, its strings well-formed. */
  sign<T extends object>(type: TicketedType, data: T): Ticketed<T>;
  /** The same without its ticket; null: it has none, or one for something else. Neither argument need be what it should be. */
  check<T extends object>(type: string, given: Ticketed<T>): T | null;
}
