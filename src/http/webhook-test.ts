import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { DispatchReason } from "../model/channel.ts";
import { PosternError } from "../model/errors.ts";
import { makeId, type DispatchId, type TenantId } from "../model/ids.ts";
import type { WebhookRow } from "../store/contract-channels.ts";
import { currentCaller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { createMinuteRate } from "./minute-rate.ts";
import { timeOf } from "./paging.ts";
import { guarded, json, problems } from "./route.ts";
import { WebhookPath, webhookOf } from "./webhooks.ts";

/** Of one tenant, in one minute: nobody needs more, and each is a request to a host of somebody's. */
const PER_MINUTE = 20;

/** One request to a receiver; `secrets` are all that it may check the signature with. */
export interface SignedRequest {
  readonly tenant: TenantId;
  readonly url: string;
  readonly id: DispatchId;
  readonly body: string;
  readonly secrets: readonly string[];
  /** Epoch milliseconds. */
  readonly at: number;
  readonly agentpack: boolean;
}

export type Tried =
  | { readonly arrived: true; readonly status: number | null }
  | { readonly arrived: false; readonly status: number | null; readonly reason: DispatchReason };

const TestResult = z
  .object({
    delivered: z.boolean(),
    status: z.int().nullable().openapi({ description: "What the receiver answered; null: it did not." }),
    reason: z.string().nullable().openapi({ description: "Why it did not arrive, as in deliveries." }),
  })
  .openapi("WebhookTestResult", { example: { delivered: true, status: 204, reason: null } });

const test = guarded(["admin"], {
  method: "post",
  path: "/v1/webhooks/{id}/test",
  tags: ["Webhooks"],
  summary: "Send a test event",
  description:
    "One request of type `webhook.test`, signed and checked like a delivery and never repeated. What the receiver says beside its status is not shown.",
  request: { params: WebhookPath },
  responses: { 200: json("What came of it", TestResult), ...problems({ 404: "No such webhook", 429: "Too many tests in this minute" }) },
});

/** Whether a webhook works, before mail depends on it. */
export function webhookTestRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const count = createMinuteRate<TenantId>(deps.clock, PER_MINUTE, tooMany);
  app.openapi(test, async (c) => {
    const webhook = await webhookOf(deps, currentCaller(c), c.req.valid("param").id);
    count(webhook.tenant);
    const tried = await deps.webhooks.deliver(requestTo(deps, webhook));
    return c.json({ delivered: tried.arrived, status: tried.status, reason: tried.arrived ? null : tried.reason }, 200);
  });
  return app;
}

function requestTo({ clock, random, sealer }: HttpDeps, { id: webhook_id, tenant, url, agentpack, secrets }: WebhookRow): SignedRequest {
  const at = clock();
  const live = secrets.filter(({ expires_at }) => expires_at === null || expires_at > at);
  return {
    ...{ tenant, url, agentpack, at, id: makeId("evt", random(20)) },
    body: JSON.stringify({ type: "webhook.test", timestamp: timeOf(at), data: { webhook_id } }),
    secrets: live.map((secret) => sealer.open(`webhook:${webhook_id}:${secret.id}`, secret.sealed).toString("utf8")),
  };
}

function tooMany(): PosternError {
  return new PosternError("too_many_requests", "too many test events in this minute", {
    temporary: true,
    fix: `wait a minute; ${PER_MINUTE} a minute are sent`,
    retryAfter: 60,
  });
}
