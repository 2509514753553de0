import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ERROR_CODES, PosternError } from "../model/errors.ts";
import { currentCaller, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { body, guarded, json, problems } from "./route.ts";
import { createDecide, Decided, HashJson, ReasonJson, verdictShape, type Decide } from "./verdicts.ts";

const TAGS = ["Approvals"];

const EmailId = z.string().max(80).openapi({ example: "drf_5n7q9s1v3x5z7b9d1f3h5k7m", description: "A draft's id, or a message's." });

const VERDICT = { action: "approve" as const, content_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" };
const Request = z.strictObject(verdictShape).openapi("Verdict", { example: VERDICT });
const AliasRequest = z
  .strictObject({ email_id: EmailId, ...verdictShape })
  .openapi("VerdictOn", { example: { email_id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m", ...VERDICT } });

/** Any key may try: what does not count is refused by its reason, and audited. */
const ANYBODY = ["oversight", "admin", "send", "read"] as const;

const WORDS =
  "By an approver of today's policy who neither wrote nor last edited it, for exactly the content that waits. Inbound mail is also decided by admin keys. " +
  "Every attempt is recorded and answered, also of keys that may not decide.";

const RESPONSES = {
  200: json("It counts", Decided),
  ...problems({
    403: "It does not count; `reason` says why",
    404: "Nothing the key sees has this id",
    409: "Decided already, or the content is another by now",
    422: "Not a verdict, or a rejection without a reason",
    429: "Too many acts with this key were denied",
  }),
} as const;

const ofMailbox = guarded(ANYBODY, {
  method: "post",
  path: "/v1/mailboxes/{id}/decide/{email_id}",
  tags: TAGS,
  summary: "Approve or reject what waits",
  description: WORDS,
  request: {
    params: z.object({ id: z.string().max(80).openapi({ example: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f" }), email_id: EmailId }),
    body: body(Request),
  },
  responses: RESPONSES,
});

const alias = guarded(ANYBODY, {
  method: "post",
  path: "/v1/oversight/decide",
  tags: TAGS,
  summary: "Approve or reject what waits, by its id alone",
  description: WORDS,
  request: { body: body(AliasRequest) },
  responses: RESPONSES,
});

/** Verdicts of one call. */
const MOST = 100;
/** Of them at once. */
const AT_ONCE = 8;

const Item = z.strictObject({
  id: EmailId,
  action: z.enum(["approve", "reject"]),
  reason: ReasonJson.optional(),
  content_hash: HashJson.optional(),
});
type Item = z.infer<typeof Item>;

const Batch = z
  .strictObject({ items: z.array(Item).min(1).max(MOST) })
  .openapi("Verdicts", { example: { items: [{ id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m", ...VERDICT }] } });

const ItemResult = z.discriminatedUnion("result", [
  Decided.extend({ result: z.literal("accepted") }),
  z.object({
    id: z.string(),
    result: z.literal("refused"),
    code: z.enum(ERROR_CODES),
    reason: z.string().optional(),
    detail: z.string(),
    fix: z.string().optional(),
  }),
]);

const BatchResult = z.object({ items: z.array(ItemResult) }).openapi("VerdictResults", {
  example: {
    items: [{ id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m", result: "accepted", status: "approved", approvals: 1, quorum: 1, revision: 1 }],
  },
});

const batch = guarded(["oversight", "admin"], {
  method: "post",
  path: "/v1/pending/decide",
  tags: TAGS,
  summary: `Decide about up to ${MOST} at once`,
  description: "One result per item, in order; each counts or is refused by itself.",
  request: { body: body(Batch) },
  responses: { 200: json("What each came to", BatchResult), ...problems({ 422: "Not a list of verdicts, or an id twice" }) },
});

/** How people decide (MM-03, MM-04, X-04 … X-07). */
export function decideRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const decide = createDecide(deps);
  app.openapi(ofMailbox, async (c) => {
    const { id: mailbox, email_id } = c.req.valid("param");
    return c.json(await decide(currentCaller(c), email_id, c.req.valid("json"), mailbox), 200);
  });
  app.openapi(alias, async (c) => {
    const { email_id, ...verdict } = c.req.valid("json");
    return c.json(await decide(currentCaller(c), email_id, verdict, null), 200);
  });
  app.openapi(batch, async (c) => {
    const { items } = c.req.valid("json");
    refuseTwice(items);
    return c.json({ items: await decideAll(decide, currentCaller(c), items) }, 200);
  });
  return app;
}

/** Which of two would count could not be told from the order. */
function refuseTwice(items: readonly Item[]): void {
  const seen = new Set<string>();
  for (const [index, { id }] of items.entries()) {
    if (seen.has(id)) {
      throw new PosternError("invalid_request", "an id is in the list twice", {
        fix: "name each once",
        problems: [{ path: `items.${index}.id`, message: "is in the list before" }],
      });
    }
    seen.add(id);
  }
}

async function decideAll(decide: Decide, caller: Caller, items: readonly Item[]): Promise<z.infer<typeof ItemResult>[]> {
  const results: z.infer<typeof ItemResult>[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map((item) => decideOne(decide, caller, item)))));
  }
  return results;
}

async function decideOne(decide: Decide, caller: Caller, { id, ...verdict }: Item): Promise<z.infer<typeof ItemResult>> {
  try {
    return { result: "accepted", ...(await decide(caller, id, verdict, null)) };
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    const { code, message: detail, fix, members } = error;
    const reason = members["reason"];
    return { id, result: "refused", code, detail, ...(fix === undefined ? {} : { fix }), ...(reason === undefined ? {} : { reason }) };
  }
}
