/**
 * Header of every activity that an agent's workflow calls while it deals with a mail: a `DispatchRef`, as JSON. Alone here, so
 * that of all workflow code only the interceptor has it, and a bundle without it was made without the plugin.
 */
export const DELIVERY_HEADER = "postern-delivery";
