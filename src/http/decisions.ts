import { OpenAPIHono, z } from "@hono/zod-openapi";
import { PosternError } from "../model/errors.ts";
import { idBody, isId, type Id } from "../model/ids.ts";
import type { DecisionRow } from "../store/contract.ts";
import { currentCaller, sees, type Caller } from "./auth.ts";
import { decisionJson, DecisionJson, OutcomeJson } from "./decision-json.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { explanation, Explanation } from "./explain.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { PageQuery, pageOf, present } from "./paging.ts";
import { notFound } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";

const TAGS = ["Decisions"];

const list = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}/decisions",
  tags: TAGS,
  summary: "List what was decided, and why",
  request: {
    params: MailboxPath,
    query: PageQuery.extend({
      message_id: z.string().max(80).optional().openapi({ example: "msg_1h3k5m7p9r1t3w5y7z9b1d3f" }),
      thread_id: z.string().max(80).optional().openapi({ example: "thr_1h3k5m7p9r1t3w5y7z9b1d3f" }),
      outcome: OutcomeJson.optional(),
    }),
  },
  responses: { 200: json("Newest first", pageOf("DecisionPage", DecisionJson)), ...problems({ 404: "No such mailbox", 422: "Bad query" }) },
});

const explain = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/decisions/{id}/explain",
  tags: TAGS,
  summary: "Explain a decision",
  description:
    "Every step of the order of judgement with what it looked at, its rule and its cost, what the sender was told, who did what about it, and the audit entries.",
  request: {
    params: z.object({
      id: z.string().max(80).openapi({
        example: "dec_3m5p7r9t1v3x5z7b9d1f3h5k",
        description: "A decision's id, or a message's (`msg_…`) or draft's (`drf_…`): the last decision about it.",
      }),
    }),
  },
  responses: { 200: json("The whole story", Explanation), ...problems({ 404: "No such decision" }) },
});

/** What was decided and why. */
export function decisionRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(list, async (c) => {
    const { id, tenant } = await mailboxOf(deps, currentCaller(c), c.req.valid("param").id);
    const { message_id, thread_id, ...page } = c.req.valid("query");
    const filter = present({ message: idOf("msg", "message_id", message_id), thread: idOf("thr", "thread_id", thread_id) });
    const found = await deps.store.run("decisions.list", { tenant, mailbox: id, ...filter, ...present(page) });
    return c.json({ items: found.items.map(decisionJson), next_cursor: found.next_cursor }, 200);
  });
  app.openapi(explain, async (c) => {
    const caller = currentCaller(c);
    const row = await decisionOf(deps, caller, c.req.valid("param").id);
    return c.json(await explanation(deps, caller.tenant, row), 200);
  });
  return app;
}

async function decisionOf(deps: HttpDeps, caller: Caller, id: string): Promise<DecisionRow> {
  const row = await explained(deps, caller, id);
  if (row === null || !sees(caller, row.mailbox)) throw notFound("decision");
  return row;
}

/** A decision, or the last one about a draft or a message; a draft's message has the draft's own body. */
async function explained({ store }: HttpDeps, { tenant }: Caller, id: string): Promise<DecisionRow | null> {
  if (isId("dec", id)) return store.run("decisions.get", { tenant, id });
  return isId("drf", id) || isId("msg", id) ? store.run("decisions.latest", { tenant, message: `msg_${idBody(id)}` }) : null;
}

/** A filter by something that is no id would silently match nothing. */
function idOf<P extends "msg" | "thr">(prefix: P, path: string, text: string | undefined): Id<P> | undefined {
  if (text === undefined || isId(prefix, text)) return text;
  throw new PosternError("invalid_request", `\`${path}\` is not an id`, {
    problems: [{ path, message: `must be an id such as \`${prefix}_…\`` }],
  });
}
