import { OpenAPIHono, z } from "@hono/zod-openapi";
import { currentCaller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { Message, messageJson } from "./message-json.ts";
import { formatCursor, nextMessage, parseCursor, stopsOf } from "./next-message.ts";
import { allowReading } from "./reading.ts";
import { guarded, json, problems } from "./route.ts";
import { createWaiters } from "./waiters.ts";

const WaitResult = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("message"), message: Message, cursor: z.string() }),
    z.object({ type: z.literal("timeout"), cursor: z.string() }),
  ])
  .openapi("WaitResult", { example: { type: "timeout", cursor: "NDItbWJ4Xzd3M3Y5azJtNXE4cjF0NHg2ejBiMmQ0Zg" } });

const wait = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}/wait",
  tags: ["Messages"],
  summary: "Wait for the next delivered message",
  description:
    "Long poll. Answers the oldest delivered message after the cursor, at once when there is one, else as soon as one is delivered, else `timeout`. " +
    "Without `after` it begins with the oldest delivered message of the mailbox, so that a fresh agent misses nothing. Send the returned `cursor` with the next call, " +
    "after the message has been dealt with: until then the same call returns it again.",
  request: {
    params: MailboxPath,
    query: z.strictObject({
      timeout_s: z.coerce.number().int().min(0).max(60).default(30).openapi({ example: 30, description: "Seconds; 0 answers at once." }),
      after: z.string().min(1).max(200).optional().openapi({ description: "`cursor` of the call before; opaque." }),
    }),
  },
  responses: {
    200: json("A message, or that none came in time", WaitResult),
    ...problems({ 404: "No such mailbox", 422: "Bad query, or another mailbox's cursor", 429: "Too many calls wait with this key" }),
  },
});

/** How an agent without a public address gets its mail (MH-05). */
export function waitRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const waiters = createWaiters();
  app.openapi(wait, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    await allowReading(deps, caller, mailbox.id);
    const { after, timeout_s } = c.req.valid("query");
    const from = after === undefined ? 0 : parseCursor(mailbox.id, after, "after");
    using _ = waiters.enter(caller.key);
    const row = await nextMessage(deps, mailbox, from, timeout_s * 1000, stopsOf(deps, c.req.raw.signal));
    // It may have been stopped while it waited.
    if (row !== null) await allowReading(deps, caller, mailbox.id);
    if (row === null) return c.json({ type: "timeout" as const, cursor: formatCursor(mailbox.id, from) }, 200);
    const message = await messageJson(deps, caller, row);
    return c.json({ type: "message" as const, message, cursor: formatCursor(mailbox.id, row.delivery_seq ?? from) }, 200);
  });
  return app;
}
