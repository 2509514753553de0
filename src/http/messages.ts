import { OpenAPIHono, z } from "@hono/zod-openapi";
import { PosternError } from "../model/errors.ts";
import { isId } from "../model/ids.ts";
import type { MessageRow } from "../store/contract.ts";
import { currentCaller, sees, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { createDeny, type Deny } from "./denied.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { Message, MessageSummary, messageJson, MessageOutcomeJson, summaryJson } from "./message-json.ts";
import { PageQuery, pageOf, present } from "./paging.ts";
import { notFound } from "./problem.ts";
import { rawMail } from "./raw-mail.ts";
import { allowReading } from "./reading.ts";
import { body, guarded, json, problems } from "./route.ts";
import { createWaiters } from "./waiters.ts";

const TAGS = ["Messages"];
/** Capability that lets an agent have the raw bytes, hidden text and all. */
const RAW_CAPABILITY = "mail.raw";
/** Messages being read at once, in all: judgements stand in the same line, and keep the greater part of it (500). */
const READING = 200;

/** Path parameter of every route below one message. */
export const MessagePath = z.object({ id: z.string().max(80).openapi({ example: "msg_1h3k5m7p9r1t3w5y7z9b1d3f" }) });

const list = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}/messages",
  tags: TAGS,
  summary: "List a mailbox's messages",
  description: "Newest first, without their text. An agent's key sees delivered messages only.",
  request: {
    params: MailboxPath,
    query: PageQuery.extend({
      direction: z.enum(["inbound", "outbound"]).optional().openapi({ description: "Left out: what came in.", example: "outbound" }),
      outcome: MessageOutcomeJson.optional(),
    }),
  },
  responses: { 200: json("A page", pageOf("MessagePage", MessageSummary)), ...problems({ 404: "No such mailbox", 422: "Bad query" }) },
});

const get = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/messages/{id}",
  tags: TAGS,
  summary: "Read a message",
  description: "An agent's key gets delivered messages only, with a fresh grant; people also get what is hidden in the mail.",
  request: { params: MessagePath },
  responses: { 200: json("The message", Message), ...problems({ 404: "No such message", 429: "Too many reads with this key" }) },
});

const raw = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/messages/{id}/raw",
  tags: TAGS,
  summary: "Get a message's raw bytes",
  description: `Byte for byte as received. An agent's key needs the capability \`${RAW_CAPABILITY}\` on the message.`,
  request: { params: MessagePath },
  responses: {
    200: {
      description: "RFC 5322 bytes",
      content: { "message/rfc822": { schema: z.string().openapi({ format: "binary", example: "Subject: Lunch on Friday?\r\n\r\n…" }) } },
    },
    ...problems({ 404: "No such message, or its bytes are no longer kept", 429: "Too many reads with this key" }),
  },
});

const Usage = z
  .object({ message_id: z.string(), tokens_reserved: z.int(), tokens_consumed: z.int().nullable() })
  .openapi("Usage", { example: { message_id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f", tokens_reserved: 120, tokens_consumed: 950 } });

const usage = guarded(["read", "admin"], {
  method: "post",
  path: "/v1/messages/{id}/usage",
  tags: TAGS,
  summary: "Report the tokens a message took",
  description: "Settles the estimate that was reserved against the token budget. A second report replaces the first.",
  request: {
    params: MessagePath,
    body: body(
      z.strictObject({ tokens_consumed: z.int().min(0).max(1_000_000_000) }).openapi("UsageReport", { example: { tokens_consumed: 950 } }),
    ),
  },
  responses: { 200: json("What is charged now", Usage), ...problems({ 404: "No such delivered message", 422: "Not a count" }) },
});

/** What was received, as the caller may see it (MB-05, MB-08, MB-15, PB-09). */
export function messageRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const deny = createDeny(deps);
  const reading = createWaiters(undefined, READING);
  app.openapi(list, async (c) => {
    const caller = currentCaller(c);
    const { id, tenant } = await mailboxOf(deps, caller, c.req.valid("param").id);
    await allowReading(deps, caller, id);
    const page = await deps.store.run("messages.list", { tenant, mailbox: id, view: caller.view, ...present(c.req.valid("query")) });
    return c.json({ items: page.items.map(summaryJson), next_cursor: page.next_cursor }, 200);
  });
  app.openapi(get, async (c) => {
    const caller = currentCaller(c);
    const row = await messageOf(deps, caller, c.req.valid("param").id);
    await allowReading(deps, caller, row.mailbox);
    using _ = reading.enter(caller.key);
    return c.json(await messageJson(deps, caller, row), 200);
  });
  app.openapi(raw, async (c) => {
    const caller = currentCaller(c);
    const row = await messageOf(deps, caller, c.req.valid("param").id);
    await allowReading(deps, caller, row.mailbox);
    await allowRaw(deny, caller, row);
    using _ = reading.enter(caller.key);
    return rawMail(row.id, await bytesOf(deps, row));
  });
  app.openapi(usage, async (c) => {
    const caller = currentCaller(c);
    const { id, tenant } = await messageOf(deps, caller, c.req.valid("param").id);
    const settled = await deps.store.run("messages.settle", { tenant, id, ...c.req.valid("json"), at: deps.clock() });
    if (settled === null) throw notFound("delivered message");
    const { tokens_reserved, tokens_consumed } = settled;
    return c.json({ message_id: id, tokens_reserved, tokens_consumed }, 200);
  });
  return app;
}

/** The message a path names; `not_found` as well when it is another tenant's, another mailbox's or not for agents (MB-18). */
export async function messageOf(deps: HttpDeps, caller: Caller, id: string): Promise<MessageRow> {
  const row = isId("msg", id) ? await deps.store.run("messages.get", { tenant: caller.tenant, id, view: caller.view }) : null;
  if (row === null || !sees(caller, row.mailbox)) throw notFound("message");
  return row;
}

async function allowRaw(deny: Deny, caller: Caller, row: MessageRow): Promise<void> {
  if (caller.view === "all" || row.capabilities.includes(RAW_CAPABILITY)) return;
  await deny(caller, { message: row.id, mailbox: row.mailbox, capability: RAW_CAPABILITY, reason: "not_granted" });
  throw new PosternError("capability_denied", `the message does not carry the capability \`${RAW_CAPABILITY}\``, {
    fix: "add it to the sender's rule in the policy",
  });
}

async function bytesOf({ blobs }: HttpDeps, row: MessageRow): Promise<Buffer> {
  const bytes = await blobs.get(row.tenant, row.digest);
  if (bytes === null) throw new PosternError("not_found", "the raw bytes of this message are no longer kept");
  return bytes;
}
