import { OpenAPIHono, z } from "@hono/zod-openapi";
import { foldAddress } from "../mail/address.ts";
import { PosternError } from "../model/errors.ts";
import { isId, makeId } from "../model/ids.ts";
import type { SuppressionRow } from "../store/contract-outbound.ts";
import { currentCaller, unbound } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { freshEntry } from "./fresh.ts";
import { PageQuery, pageOf, present, timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { body, guarded, json, problems } from "./route.ts";

const TAGS = ["Suppressions"];

const REASONS = ["HardBounce", "SpamComplaint", "manual"] as const;

/** What mail came back for, or somebody complained about, may be another's address a month later. */
const DEFAULT_DAYS = 30;
const DAY = 86_400_000;

const Suppression = z
  .object({
    id: z.string(),
    address: z.string(),
    reason: z.enum(REASONS),
    source: z.string().openapi({ description: "Who entered it." }),
    created_at: z.string(),
    expires_at: z.string().nullable().openapi({ description: "Null: for good." }),
    ended_at: z.string().nullable(),
  })
  .openapi("Suppression", {
    example: {
      id: "sup_2n4p6r8t0v1x3z5b7d9f1h3k",
      address: "gone@elsewhere.example",
      reason: "HardBounce",
      source: "key:key_2n4p6r8t0v1x3z5b7d9f1h3k",
      created_at: "2026-11-21T10:00:00.000Z",
      expires_at: "2026-12-21T10:00:00.000Z",
      ended_at: null,
    },
  });

const put = guarded(["admin", "oversight"], {
  method: "post",
  path: "/v1/suppressions",
  tags: TAGS,
  summary: "Never write to an address",
  description: `From any mailbox of the tenant. \`HardBounce\` and \`SpamComplaint\` end after ${DEFAULT_DAYS} days unless \`expires_at\` says otherwise, \`manual\` never. One that is there keeps the later end.`,
  request: {
    body: body(
      z
        .strictObject({
          address: z.string().min(3).max(320),
          reason: z.enum(REASONS).default("manual"),
          expires_at: z.iso.datetime({ offset: true }).nullable().optional().openapi({ description: "Null: for good." }),
        })
        .openapi("NewSuppression", { example: { address: "gone@elsewhere.example", reason: "HardBounce" } }),
    ),
  },
  responses: { 201: json("The suppression", Suppression), ...problems({ 422: "Not an address, or an end in the past" }) },
});

const list = guarded(["admin", "oversight"], {
  method: "get",
  path: "/v1/suppressions",
  tags: TAGS,
  summary: "List who is not written to",
  request: { query: PageQuery.extend({ address: z.string().max(320).optional().openapi({ example: "gone@elsewhere.example" }) }) },
  responses: { 200: json("Newest first", pageOf("SuppressionPage", Suppression)), ...problems({ 422: "Bad query" }) },
});

const end = guarded(["admin", "oversight"], {
  method: "delete",
  path: "/v1/suppressions/{id}",
  tags: TAGS,
  summary: "Let an address be written to again",
  request: { params: z.object({ id: z.string().max(80).openapi({ example: "sup_2n4p6r8t0v1x3z5b7d9f1h3k" }) }) },
  responses: { 200: json("The suppression, ended", Suppression), ...problems({ 404: "No such suppression" }) },
});

/** Whom nobody of the tenant writes to (PB-19, PB-20). An agent's key has none of the scopes. */
export function suppressionRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(put, async (c) => {
    const { tenant, actor } = unbound(currentCaller(c));
    const { address, reason, expires_at } = c.req.valid("json");
    const fresh = freshEntry(deps);
    const row = await deps.store.run("suppressions.put", {
      ...{ id: makeId("sup", deps.random(16)), tenant, address: folded(address), reason, source: actor, actor },
      ...{ created_at: fresh.at, expires_at: endOf(expires_at, reason, fresh.at), audit_id: fresh.audit_id, salt: fresh.salt },
    });
    return c.json(suppressionJson(row), 201);
  });
  app.openapi(list, async (c) => {
    const { address, ...page } = c.req.valid("query");
    const filter = present({ ...page, address: address === undefined ? undefined : folded(address) });
    const { items, next_cursor } = await deps.store.run("suppressions.list", {
      tenant: unbound(currentCaller(c)).tenant,
      at: deps.clock(),
      ...filter,
    });
    return c.json({ items: items.map(suppressionJson), next_cursor }, 200);
  });
  app.openapi(end, async (c) => {
    const { tenant, actor } = unbound(currentCaller(c));
    const { id } = c.req.valid("param");
    const row = isId("sup", id) ? await deps.store.run("suppressions.end", { tenant, id, actor, ...freshEntry(deps) }) : null;
    if (row === null) throw notFound("suppression");
    return c.json(suppressionJson(row), 200);
  });
  return app;
}

function folded(text: string): string {
  const address = foldAddress(text);
  if (address !== null) return address;
  throw new PosternError("invalid_request", "`address` is not an address", {
    fix: "write one like `gone@elsewhere.example`",
    problems: [{ path: "address", message: "must be one address" }],
  });
}

/** Epoch milliseconds; null: for good. */
function endOf(text: string | null | undefined, reason: SuppressionRow["reason"], now: number): number | null {
  if (text === null) return null;
  if (text === undefined) return reason === "manual" ? null : now + DEFAULT_DAYS * DAY;
  const at = Date.parse(text);
  if (at > now) return at;
  throw new PosternError("invalid_request", "`expires_at` is over", {
    fix: "give a later time, or leave it out",
    problems: [{ path: "expires_at", message: "must be in the future" }],
  });
}

function suppressionJson({ id, address, reason, source, created_at, expires_at, ended_at }: SuppressionRow): z.infer<typeof Suppression> {
  return {
    ...{ id, address, reason, source },
    created_at: timeOf(created_at),
    expires_at: expires_at === null ? null : timeOf(expires_at),
    ended_at: ended_at === null ? null : timeOf(ended_at),
  };
}
