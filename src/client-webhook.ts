import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { Message } from "./client-types.generated.ts";

/** What a delivery says of its message; without `to`, `cc`, `text` and `attachments` when the whole would be over 1 MB. */
export interface WebhookMail extends Pick<
  Message,
  | "mailbox_id"
  | "thread_id"
  | "from"
  | "from_verified"
  | "subject"
  | "date"
  | "received_at"
  | "verification"
  | "capabilities"
  | "grant"
  | "automatic"
  | "truncated"
> {
  readonly message_id: string;
  readonly agent_id: string;
  readonly to?: Message["to"];
  readonly cc?: Message["cc"];
  readonly text?: Message["text"];
  readonly attachments?: Message["attachments"];
}

export interface WebhookEvent {
  /** The same for every attempt at this delivery, for ever. */
  readonly id: string;
  readonly type: "message.created" | "message.created.truncated";
  readonly timestamp: string;
  readonly data: WebhookMail;
}

/**
 * `repeated`: it was taken before; `test`: somebody tries the webhook out, and there is no mail. Answer both with 200 and do
 * nothing. Anything else: answer 400 and do nothing.
 */
export type WebhookRefusal = "bad_signature" | "stale" | "repeated" | "malformed" | "test";
export type WebhookVerdict = { readonly ok: true; readonly event: WebhookEvent } | { readonly ok: false; readonly code: WebhookRefusal };

/** Which deliveries were taken. One process: {@link createSeen}; several: a table of yours with a unique id. */
export interface Seen {
  /** False: it is there already. */
  add(id: string): boolean | Promise<boolean>;
  /** Lets the next attempt through: for a receiver that could not do its work, and answers 500. */
  forget(id: string): void | Promise<void>;
}

export interface WebhookOptions {
  /** `whsec_…` of `POST /v1/webhooks`; during a rotation both. */
  readonly secrets: string | readonly string[];
  readonly seen?: Seen;
}

export interface WebhookRequest {
  /** Names in any case; of a repeated one the first counts. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came: parsing and writing it again changes the bytes that are signed. */
  readonly body: string | Uint8Array;
}

/** Seconds a time stamp may be off, either way. */
const TOLERANCE_S = 300;
/** Largest body that is looked at, in bytes; Postern's are at most 1 MB. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Deliveries that are remembered. */
const REMEMBERED = 10_000;

/**
 * Whether a request is a delivery of Postern's that was not taken before (MH-04). INVARIANT for whoever calls it: a refusal
 * has no effect. Never throws for what a stranger sent; throws when a secret of yours is none.
 */
export async function verifyWebhook({ secrets, seen }: WebhookOptions, request: WebhookRequest): Promise<WebhookVerdict> {
  const hooks = [secrets].flat().map((secret) => new Webhook(secret));
  const body = textOf(request.body);
  if (body === null) return refused("malformed");
  const headers = headersOf(request);
  if (headers === null) return refused("malformed");
  if (!isFresh(headers["webhook-timestamp"])) return refused("stale");
  if (!hooks.some((hook) => isSigned(hook, body, headers))) return refused("bad_signature");
  const event = eventOf(headers["webhook-id"], body);
  if (event === null) return refused("malformed");
  if (event === "test") return refused("test");
  return seen === undefined || (await seen.add(event.id)) ? { ok: true, event } : refused("repeated");
}

/** In memory, the latest ten thousand. */
export function createSeen(): Seen {
  const ids = new Set<string>();
  return {
    add(id) {
      if (ids.has(id)) return false;
      ids.add(id);
      for (const oldest of ids) {
        if (ids.size <= REMEMBERED) break;
        ids.delete(oldest);
      }
      return true;
    },
    forget: (id) => void ids.delete(id),
  };
}

function refused(code: WebhookRefusal): WebhookVerdict {
  return { ok: false, code };
}

type Signed = Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>;

function headersOf({ headers }: WebhookRequest): Signed | null {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const named = new Map(entries.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value[0] : value]));
  const [id, timestamp, signature] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => named.get(name));
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signature !== "string") return null;
  if (id.length > 100 || signature.length > 4_096) return null;
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
}

/** Before the signature, because only a captured request would be well signed and old; the library would not say which it was. */
function isFresh(timestamp: string): boolean {
  return /^\d{1,12}$/.test(timestamp) && Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_S;
}

function isSigned(hook: Webhook, body: string, headers: Signed): boolean {
  try {
    hook.verify(body, headers, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function textOf(body: string | Uint8Array): string | null {
  if (body.length > MOST_BYTES) return null;
  if (typeof body === "string") return body;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}

/** What is well signed is Postern's; that it is of a kind this code knows is still asked. */
function eventOf(id: string, body: string): WebhookEvent | "test" | null {
  try {
    const { type, timestamp, data } = JSON.parse(body) as Partial<Omit<WebhookEvent, "type">> & { readonly type?: string };
    if (type === "webhook.test") return "test";
    if (type !== "message.created" && type !== "message.created.truncated") return null;
    return typeof timestamp === "string" && typeof data?.message_id === "string" ? { id, type, timestamp, data } : null;
  } catch {
    return null;
  }
}
