import { OpenAPIHono, z } from "@hono/zod-openapi";
import { AUDIT_ACTIONS } from "../audit/actions.ts";
import { PosternError } from "../model/errors.ts";
import type { AuditListed } from "../store/contract.ts";
import { currentCaller, unbound } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { mailboxOf } from "./mailboxes.ts";
import { PageQuery, present, timeOf } from "./paging.ts";
import { guarded, json, problems } from "./route.ts";

const EXAMPLE = {
  id: "aud_6s8v0x2z4b6d8f0h2k4m6p8r",
  action: "email.approved" as const,
  actor: "api_key:pst_live_…a3f",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  email_id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f",
  timestamp: "2026-11-21T10:00:00.000Z",
  details: { note: "fine" },
  leaf: '{"action":"email.approved","actor":"key:key_2n4p6r8t0v1x3z5b7d9f1h3k", …}',
  leaf_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
};

const ListedEntry = z
  .object({
    id: z.string(),
    action: z.enum(AUDIT_ACTIONS),
    actor: z.string().openapi({ description: "A key by its masked form; `leaf` has its id." }),
    mailbox_id: z.string().nullable(),
    email_id: z.string().nullable().openapi({ description: "The message; of a draft, the message it is to be." }),
    timestamp: z.string(),
    details: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: "Addresses, words and other personal data. Null once their time is over." }),
    leaf: z.string().openapi({ description: "What is never changed, as it was hashed: RFC 8785 JSON." }),
    leaf_hash: z.string().openapi({ description: "SHA-256 of `leaf`, hex." }),
  })
  .openapi("ListedAuditEntry", { example: EXAMPLE });

const CURSOR = z.string().nullable().openapi({ description: "For the next page; null on the last." });
const AuditPage = z.object({ entries: z.array(ListedEntry), cursor: CURSOR }).openapi("AuditPage", {
  example: { entries: [EXAMPLE], cursor: null },
});

const Time = z.iso.datetime({ offset: true, error: "must be a time with its zone, like `2026-11-23T08:00:00Z`" });

const list = guarded(["admin"], {
  method: "get",
  path: "/v1/audit",
  tags: ["Audit"],
  summary: "List what was recorded",
  description:
    "Every decision and every act of the tenant, newest first, for ever; personal data beside it as long as it is kept. A key that is bound to mailboxes names one of them.",
  request: {
    query: PageQuery.extend({
      mailbox_id: z.string().max(80).optional().openapi({ example: EXAMPLE.mailbox_id }),
      kind: z.enum(AUDIT_ACTIONS).optional().openapi({ example: EXAMPLE.action, description: "Entries with this `action`." }),
      since: Time.optional().openapi({ example: "2026-11-21T00:00:00Z", description: "From then on." }),
      until: Time.optional().openapi({ example: "2026-11-22T00:00:00Z", description: "Before then." }),
    }),
  },
  responses: { 200: json("Newest first", AuditPage), ...problems({ 404: "No such mailbox", 422: "Bad query" }) },
});

/** The record of what was done (MM-14, MM-17). An agent's key has no part in it. */
export function auditRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(list, async (c) => {
    const caller = currentCaller(c);
    const { mailbox_id, kind: action, since, until, ...page } = c.req.valid("query");
    const mailbox = mailbox_id === undefined ? undefined : (await mailboxOf(deps, caller, mailbox_id)).id;
    const { tenant } = mailbox === undefined ? unbound(caller) : caller;
    const times = spanOf(since, until);
    const { items, next_cursor } = await deps.store.run("audit.list", { tenant, ...present({ ...page, ...times, mailbox, action }) });
    return c.json({ entries: items.map(entryJson), cursor: next_cursor }, 200);
  });
  return app;
}

function spanOf(since: string | undefined, until: string | undefined) {
  const span = { since: since === undefined ? undefined : Date.parse(since), until: until === undefined ? undefined : Date.parse(until) };
  if (span.since === undefined || span.until === undefined || span.since < span.until) return span;
  throw new PosternError("invalid_request", "`until` is not after `since`", {
    fix: "exchange them, or leave one out",
    problems: [{ path: "until", message: "must be after `since`" }],
  });
}

function entryJson({ id, at, action, actor, key, mailbox, message, details, leaf, leaf_hash }: AuditListed): z.infer<typeof ListedEntry> {
  return {
    ...{ id, action, leaf, leaf_hash },
    actor: key === null ? actor : `api_key:${key}`,
    mailbox_id: mailbox,
    email_id: message,
    timestamp: timeOf(at),
    details: details === null ? null : { ...details },
  };
}
