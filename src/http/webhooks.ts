import { OpenAPIHono, z } from "@hono/zod-openapi";
import { PosternError } from "../model/errors.ts";
import { crockford, isId, makeId, type WebhookId } from "../model/ids.ts";
import { checkTarget } from "../net/target.ts";
import { WEBHOOK_LIMITS, type NewSecret, type WebhookRow } from "../store/contract-channels.ts";
import { currentCaller, unbound, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { freshEntry } from "./fresh.ts";
import { PageQuery, pageOf, present, timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { body, guarded, json, problems } from "./route.ts";

const TAGS = ["Webhooks"];

/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** How long the secret before stays good, in seconds: default a day, at most a week. */
const GRACE_S = { usual: 86_400, most: 7 * 86_400 } as const;

const WEBHOOK_EXAMPLE = {
  id: "whk_3p5r7t9v1x3z5b7d9f1h3k5m",
  url: "https://agent.example.com/mail",
  description: "the assistant",
  created_at: "2026-11-21T10:00:00.000Z",
  secrets: [{ created_at: "2026-11-21T10:00:00.000Z", expires_at: null }],
};
const SECRET_EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

const webhookShape = {
  id: z.string(),
  url: z.string(),
  description: z.string(),
  created_at: z.string(),
  secrets: z
    .array(z.object({ created_at: z.string(), expires_at: z.string().nullable() }))
    .openapi({ description: "Newest first; deliveries are signed with each until its end." }),
};
const Webhook = z.object(webhookShape).openapi("Webhook", { example: WEBHOOK_EXAMPLE });
const WebhookWithSecret = z
  .object({ ...webhookShape, secret: z.string().openapi({ description: "Shown this once." }) })
  .openapi("WebhookWithSecret", { example: { ...WEBHOOK_EXAMPLE, secret: SECRET_EXAMPLE } });

const Url = z.string().min(1).max(WEBHOOK_LIMITS.urlCharacters).openapi({
  description:
    "`https` to a host on the public Internet, without user, password or fragment; port 443 or from 1024 on. Redirects are not followed.",
  example: WEBHOOK_EXAMPLE.url,
});
const Grace = z.int().min(0).max(GRACE_S.most).default(GRACE_S.usual).openapi({
  description: "Seconds for which the secret before stays good. Default a day.",
  example: GRACE_S.usual,
});
export const WebhookPath = z.object({ id: z.string().max(80).openapi({ example: WEBHOOK_EXAMPLE.id }) });

const create = guarded(["admin"], {
  method: "post",
  path: "/v1/webhooks",
  tags: TAGS,
  summary: "Register a webhook",
  description:
    "Signed by Standard Webhooks with the secret, which is shown this once. It gets mail once a mailbox has it as a channel: `PATCH /v1/mailboxes/{id}`.",
  request: {
    body: body(
      z
        .strictObject({ url: Url, description: z.string().max(WEBHOOK_LIMITS.descriptionCharacters).default("") })
        .openapi("NewWebhook", { example: { url: WEBHOOK_EXAMPLE.url, description: WEBHOOK_EXAMPLE.description } }),
    ),
  },
  responses: { 201: json("The webhook", WebhookWithSecret), ...problems({ 409: "Too many webhooks", 422: "No URL mail may go to" }) },
});

const list = guarded(["admin"], {
  method: "get",
  path: "/v1/webhooks",
  tags: TAGS,
  summary: "List webhooks",
  request: { query: PageQuery },
  responses: { 200: json("Newest first", pageOf("WebhookPage", Webhook)), ...problems({ 422: "Bad query" }) },
});

const get = guarded(["admin"], {
  method: "get",
  path: "/v1/webhooks/{id}",
  tags: TAGS,
  summary: "Show a webhook",
  request: { params: WebhookPath },
  responses: { 200: json("The webhook", Webhook), ...problems({ 404: "No such webhook" }) },
});

const remove = guarded(["admin"], {
  method: "delete",
  path: "/v1/webhooks/{id}",
  tags: TAGS,
  summary: "Delete a webhook",
  description: "Also takes it off every mailbox. Nothing is sent to it any more; what was not delivered yet becomes a dead letter.",
  request: { params: WebhookPath },
  responses: { 204: { description: "Deleted" }, ...problems({ 404: "No such webhook" }) },
});

const rotate = guarded(["admin"], {
  method: "post",
  path: "/v1/webhooks/{id}/rotate",
  tags: TAGS,
  summary: "Make another secret",
  description: "For the time of `grace_s` deliveries are signed with both; a secret before those two is good no more.",
  request: {
    params: WebhookPath,
    body: body(z.strictObject({ grace_s: Grace }).openapi("Rotation", { example: { grace_s: GRACE_S.usual } })),
  },
  responses: { 200: json("The webhook", WebhookWithSecret), ...problems({ 404: "No such webhook", 422: "No such time" }) },
});

const Registered = z
  .object({ webhook_id: z.string(), url: z.string(), secret: z.string(), previous_expires_at: z.string().nullable() })
  .openapi("RegisteredWebhook", {
    example: { webhook_id: WEBHOOK_EXAMPLE.id, url: WEBHOOK_EXAMPLE.url, secret: SECRET_EXAMPLE, previous_expires_at: null },
  });

const register = (path: "/webhook/register" | "/postbox/webhook/register") =>
  guarded(["admin"], {
    method: "post",
    path,
    tags: TAGS,
    summary: "Register a webhook for an agent's mail",
    description:
      "The short form of `POST /v1/webhooks`: every mailbox of `agent_id` gets it as a channel. Deliveries name their time in `x-agentpack-webhook-timestamp` as well.",
    request: {
      body: body(
        z
          .strictObject({ url: Url, agent_id: z.string().min(1).max(128).optional().openapi({ example: "assistant" }) })
          .openapi("WebhookRegistration", { example: { url: WEBHOOK_EXAMPLE.url, agent_id: "assistant" } }),
      ),
    },
    responses: {
      201: json("The webhook", Registered),
      ...problems({ 404: "No such agent", 409: "Too many", 422: "No URL mail may go to" }),
    },
  });

const rotateShort = (path: "/webhook/rotate" | "/postbox/webhook/rotate") =>
  guarded(["admin"], {
    method: "post",
    path,
    tags: TAGS,
    summary: "Make another secret for a webhook",
    description: "The short form of `POST /v1/webhooks/{id}/rotate`.",
    request: {
      body: body(
        z
          .strictObject({ webhook_id: z.string().max(80).openapi({ example: WEBHOOK_EXAMPLE.id }), grace_s: Grace })
          .openapi("WebhookRotation", { example: { webhook_id: WEBHOOK_EXAMPLE.id, grace_s: GRACE_S.usual } }),
      ),
    },
    responses: { 200: json("The webhook", Registered), ...problems({ 404: "No such webhook", 422: "No such time" }) },
  });

/** Where mail is pushed to (MB-15, PB-12 to PB-14). Of the tenant as a whole: a key that is bound to mailboxes has no part in it. */
export function webhookRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(create, async (c) => {
    const { url, description } = c.req.valid("json");
    const { row, secret } = await makeWebhook(deps, unbound(currentCaller(c)), { url, description, agentpack: false });
    return c.json({ ...webhookJson(row), secret }, 201);
  });
  app.openapi(list, async (c) => {
    const { tenant } = unbound(currentCaller(c));
    const page = await deps.store.run("webhooks.list", { tenant, ...present(c.req.valid("query")) });
    return c.json({ items: page.items.map(webhookJson), next_cursor: page.next_cursor }, 200);
  });
  app.openapi(get, async (c) => c.json(webhookJson(await webhookOf(deps, currentCaller(c), c.req.valid("param").id)), 200));
  app.openapi(remove, async (c) => {
    const caller = currentCaller(c);
    const { id, tenant } = await webhookOf(deps, caller, c.req.valid("param").id);
    await deps.store.run("webhooks.delete", { tenant, id, actor: caller.actor, ...freshEntry(deps) });
    return c.body(null, 204);
  });
  app.openapi(rotate, async (c) => {
    const { row, secret } = await rotateSecret(deps, currentCaller(c), c.req.valid("param").id, c.req.valid("json").grace_s);
    return c.json({ ...webhookJson(row), secret }, 200);
  });
  for (const path of ["/webhook/register", "/postbox/webhook/register"] as const) {
    app.openapi(register(path), async (c) => {
      const { url, agent_id } = c.req.valid("json");
      const wanted = { url, description: "", agentpack: true, ...(agent_id === undefined ? {} : { agent_id }) };
      const { row, secret } = await makeWebhook(deps, unbound(currentCaller(c)), wanted);
      return c.json(registeredJson(row, secret), 201);
    });
  }
  for (const path of ["/webhook/rotate", "/postbox/webhook/rotate"] as const) {
    app.openapi(rotateShort(path), async (c) => {
      const { webhook_id, grace_s } = c.req.valid("json");
      const { row, secret } = await rotateSecret(deps, currentCaller(c), webhook_id, grace_s);
      return c.json(registeredJson(row, secret), 200);
    });
  }
  return app;
}

/** The webhook a path names; `not_found` as well when it is another tenant's (MB-18). */
export async function webhookOf({ store }: HttpDeps, caller: Caller, id: string): Promise<WebhookRow> {
  const { tenant } = unbound(caller);
  const row = isId("whk", id) ? await store.run("webhooks.get", { tenant, id }) : null;
  if (row === null) throw notFound("webhook");
  return row;
}

interface Made {
  readonly row: WebhookRow;
  readonly secret: string;
}

interface Wanted {
  readonly url: string;
  readonly description: string;
  readonly agentpack: boolean;
  readonly agent_id?: string;
}

async function makeWebhook(deps: HttpDeps, { tenant, actor }: Caller, wanted: Wanted): Promise<Made> {
  const url = await targetOf(deps, wanted.url);
  const id = makeId("whk", deps.random(16));
  const { secret, sealed } = newSecret(deps, id);
  const row = await deps.store.run("webhooks.create", { ...wanted, id, tenant, url, secret: sealed, actor, ...freshEntry(deps) });
  if (!("refused" in row)) return { row, secret };
  if (row.refused === "agent_unknown") throw notFound("agent");
  const fix = row.refused === "too_many_webhooks" ? "delete one that is not used" : "take a channel off a mailbox of the agent";
  throw new PosternError(
    "conflict",
    row.refused === "too_many_webhooks" ? "the tenant has too many webhooks" : "a mailbox has too many channels",
    { fix },
  );
}

/** As it is stored: what a URL parser makes of it. */
async function targetOf({ webhooks }: HttpDeps, text: string): Promise<string> {
  const target = await checkTarget(webhooks.targets, text);
  if (target instanceof URL) return target.href;
  const message = `\`url\` ${target.why}`;
  throw new PosternError("invalid_request", message, { fix: target.fix, problems: [{ path: "url", message: target.why }] });
}

async function rotateSecret(deps: HttpDeps, caller: Caller, webhook: string, grace_s: number): Promise<Made> {
  const { id, tenant } = await webhookOf(deps, caller, webhook);
  const { secret, sealed } = newSecret(deps, id);
  const rotation = { tenant, id, secret: sealed, grace_ms: grace_s * 1000, actor: caller.actor };
  const row = await deps.store.run("webhooks.rotate", { ...rotation, ...freshEntry(deps) });
  if (row === null) throw notFound("webhook");
  return { row, secret };
}

function newSecret({ random, sealer }: HttpDeps, webhook: WebhookId): { readonly secret: string; readonly sealed: NewSecret } {
  const id = crockford(random(16));
  const secret = `whsec_${Buffer.from(random(SECRET_BYTES)).toString("base64")}`;
  return { secret, sealed: { id, sealed: sealer.seal(`webhook:${webhook}:${id}`, Buffer.from(secret)) } };
}

function webhookJson({ id, url, description, created_at, secrets }: WebhookRow): z.infer<typeof Webhook> {
  return {
    ...{ id, url, description, created_at: timeOf(created_at) },
    secrets: secrets.map((secret) => ({ created_at: timeOf(secret.created_at), expires_at: endOf(secret.expires_at) })),
  };
}

function registeredJson({ id, url, secrets }: WebhookRow, secret: string): z.infer<typeof Registered> {
  return { webhook_id: id, url, secret, previous_expires_at: endOf(secrets[1]?.expires_at ?? null) };
}

function endOf(at: number | null): string | null {
  return at === null ? null : timeOf(at);
}
