import { z } from "@hono/zod-openapi";

const EXAMPLE = [{ path: "senders[0]", message: "anybody who controls the domain's mail passes" }];

/** What was done as it was asked, and may not have been meant. */
export const Warnings = z.array(z.object({ path: z.string(), message: z.string() })).openapi({ example: EXAMPLE });
