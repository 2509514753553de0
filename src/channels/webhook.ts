import { createHmac } from "node:crypto";
import type { DispatchId, TenantId } from "../model/ids.ts";
import type { Post } from "../net/post.ts";
import { parseTarget, type Targets } from "../net/target.ts";
import { missed, type Attempt } from "./channel.ts";

/** One delivery to one URL. */
export interface WebhookDelivery {
  readonly tenant: TenantId;
  readonly url: string;
  readonly id: DispatchId;
  /** The same at every attempt. */
  readonly body: string;
  /** Every live one, newest first: `whsec_` and base64. */
  readonly secrets: readonly string[];
  /** Epoch milliseconds of this attempt. */
  readonly at: number;
  /** The receiver also knows the time stamp by its other name. */
  readonly agentpack: boolean;
}

/** Standard Webhooks asks for the prefix; the rest is the key in base64. */
const SECRET_PREFIX = "whsec_";

/** HTTP 410: the receiver asks to be left alone. */
const GONE = 410;

/** Seconds a receiver may ask to wait. */
const LONGEST_WAIT_S = 3600;

/** How to reach hosts of others. */
export interface WebhookPort {
  readonly post: Post;
  readonly targets: Targets;
}

/** Signed by Standard Webhooks 1.0; any 2xx says that it arrived. The URL is checked again: settings may have changed since it was registered. */
export async function deliverToWebhook({ post, targets }: WebhookPort, delivery: WebhookDelivery): Promise<Attempt> {
  const url = parseTarget(targets, delivery.url);
  if (!(url instanceof URL)) return missed(url.refused);
  const posted = await post(url, headersOf(delivery), delivery.body, delivery.tenant);
  if (!posted.answered) return missed(posted.why);
  const { status } = posted;
  if (status >= 200 && status < 300) return { arrived: true, status };
  return missed(`http_${status}`, { status, again: status !== GONE, after_ms: waitOf(posted.retry_after) });
}

function headersOf({ id, at, body, secrets, agentpack }: WebhookDelivery): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  return {
    "content-type": "application/json",
    "user-agent": "postern",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": secrets.map((secret) => sign(secret, `${id}.${timestamp}.${body}`)).join(" "),
    ...(agentpack ? { "x-agentpack-webhook-timestamp": timestamp } : {}),
  };
}

function sign(secret: string, text: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
  return `v1,${createHmac("sha256", key).update(text).digest("base64")}`;
}

/** RFC 9110 §10.2.3 in its form of seconds; a date is not believed. */
function waitOf(text: string | null): number | null {
  if (text === null || !/^\d{1,6}$/.test(text)) return null;
  return Math.min(Number(text), LONGEST_WAIT_S) * 1000;
}
