import { OpenAPIHono, z } from "@hono/zod-openapi";
import { PosternError } from "../model/errors.ts";
import { isId, type Id } from "../model/ids.ts";
import type { DecisionRow } from "../store/contract.ts";
import { currentCaller, sees, type Caller } from "./auth.ts";
import { decisionJson, DecisionJson, OutcomeJson } from "./decision-json.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { explanation, Explanation } from "./explain.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { MessagePath, messageOf } from "./messages.ts";
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
    "Every step of the order of judgement with what it looked at, its rule and its cost, what the sender was told, and the audit entries.",
  request: { params: z.object({ id: z.string().max(80).openapi({ example: "dec_3m5p7r9t1v3x5z7b9d1f3h5k" }) }) },
  responses: { 200: json("The whole story", Explanation), ...problems({ 404: "No such decision" }) },
});

const Note = z
  .strictObject({ note: z.string().max(500).optional().openapi({ description: "Why; kept beside the audit entry." }) })
  .openapi("ReleaseNote", { example: { note: "known supplier, new address" } });

const decide = (action: "release" | "discard") =>
  guarded(["oversight"], {
    method: "post",
    path: `/v1/messages/{id}/${action}` as const,
    tags: TAGS,
    summary: action === "release" ? "Let a held or quarantined message through" : "End a hold by throwing the message away",
    description: "A second, final decision by a person; it names the one it supersedes. Safe to repeat: the second call is a 409.",
    request: { params: MessagePath, body: { required: false, content: { "application/json": { schema: Note } } } },
    responses: {
      200: json("The decision", DecisionJson),
      ...problems({ 404: "No such message", 409: "The message does not wait for a decision", 422: "Bad note" }),
    },
  });

/** What was decided and why; and the decisions people make. */
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
  for (const action of ["release", "discard"] as const) {
    app.openapi(decide(action), async (c) => {
      const caller = currentCaller(c);
      const row = await messageOf(deps, caller, c.req.valid("param").id);
      const { note = "" } = c.req.valid("json");
      const answer = await deps.gate.release({ tenant: caller.tenant, message: row.id, action, actor: caller.actor, note });
      if ("refused" in answer) throw refusedRelease(answer.refused);
      return c.json(decisionJson({ decision: answer, mailbox: row.mailbox, thread: row.thread, body_sha256: null, final: true }), 200);
    });
  }
  return app;
}

async function decisionOf(deps: HttpDeps, caller: Caller, id: string): Promise<DecisionRow> {
  const row = isId("dec", id) ? await deps.store.run("decisions.get", { tenant: caller.tenant, id }) : null;
  if (row === null || !sees(caller, row.mailbox)) throw notFound("decision");
  return row;
}

function refusedRelease(why: "not_found" | "not_waiting"): PosternError {
  if (why === "not_found") return notFound("message");
  return new PosternError("already_decided", "the message does not wait for a decision", {
    fix: "`GET /v1/mailboxes/{id}/decisions?message_id=` says who decided",
  });
}

/** A filter by something that is no id would silently match nothing. */
function idOf<P extends "msg" | "thr">(prefix: P, path: string, text: string | undefined): Id<P> | undefined {
  if (text === undefined || isId(prefix, text)) return text;
  throw new PosternError("invalid_request", `\`${path}\` is not an id`, {
    problems: [{ path, message: `must be an id such as \`${prefix}_…\`` }],
  });
}
