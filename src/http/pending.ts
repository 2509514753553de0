import { OpenAPIHono, z } from "@hono/zod-openapi";
import { isId } from "../model/ids.ts";
import type { HoldRow } from "../store/contract-outbound.ts";
import { currentCaller, sees, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { mailboxOf } from "./mailboxes.ts";
import { PageQuery, pageOf, present } from "./paging.ts";
import { HoldStatusJson, Pending, pendingJson } from "./pending-json.ts";
import { pendingDetail, PendingDetail } from "./pending-view.ts";
import { notFound } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";
import { createWaiters } from "./waiters.ts";

const TAGS = ["Approvals"];

/** Contents being shown at once, in all: drafts that are composed stand in the same line. */
const SHOWING = 100;

export const PendingPath = z.object({ id: z.string().max(80).openapi({ example: "drf_5n7q9s1v3x5z7b9d1f3h5k7m" }) });

const list = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/pending",
  tags: TAGS,
  summary: "List what waits for people",
  description: "Drafts and mail that came in, newest first, of every mailbox the key sees.",
  request: {
    query: PageQuery.extend({
      direction: z.enum(["inbound", "outbound"]).optional().openapi({ example: "outbound" }),
      mailbox_id: z.string().max(80).optional().openapi({ example: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f" }),
      status: HoldStatusJson.optional().openapi({ description: "Left out: `waiting`.", example: "waiting" }),
    }),
  },
  responses: { 200: json("Newest first", pageOf("PendingPage", Pending)), ...problems({ 404: "No such mailbox", 422: "Bad query" }) },
});

const get = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/pending/{id}",
  tags: TAGS,
  summary: "Show all that is needed to decide",
  description:
    "The whole content with every character that has no shape spelled out, where links really lead, what guards saw, what was said so far, and what editors changed.",
  request: { params: PendingPath },
  responses: {
    200: json("What waits, or waited", PendingDetail),
    ...problems({ 404: "Nothing by this id", 429: "Too many reads with this key" }),
  },
});

/** What waits for people, in both directions (MM-03, MM-10). */
export function pendingRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const showing = createWaiters(undefined, SHOWING);
  app.openapi(list, async (c) => {
    const caller = currentCaller(c);
    const { mailbox_id, ...filter } = c.req.valid("query");
    const mailbox = mailbox_id === undefined ? undefined : (await mailboxOf(deps, caller, mailbox_id)).id;
    const mailboxes = caller.key.mailboxes ?? undefined;
    const wanted = { tenant: caller.tenant, ...present({ ...filter, mailbox, mailboxes }) };
    const { items, next_cursor } = await deps.store.run("holds.list", wanted);
    return c.json({ items: items.map(pendingJson), next_cursor }, 200);
  });
  app.openapi(get, async (c) => {
    const caller = currentCaller(c);
    const row = await holdOf(deps, caller, c.req.valid("param").id);
    using _ = showing.enter(caller.key);
    return c.json(await pendingDetail(deps, row), 200);
  });
  return app;
}

/** The hold a path names; `not_found` as well when it is another tenant's or not the key's (MB-18). */
export async function holdOf({ store }: HttpDeps, caller: Caller, id: string): Promise<HoldRow> {
  const row = isId("drf", id) || isId("msg", id) ? await store.run("holds.get", { tenant: caller.tenant, id }) : null;
  if (row === null || !sees(caller, row.mailbox)) throw notFound("draft or message that waits");
  return row;
}
