import type { Context, MiddlewareHandler } from "hono";
import { MAIL_LIMITS } from "../mail/limits.ts";
import { PosternError } from "../model/errors.ts";
import { SUBMISSION_LIMITS } from "../model/outbound.ts";
import { currentCaller } from "./auth.ts";
import type { HttpEnv } from "./deps.ts";
import { isIngest } from "./ingest-paths.ts";
import { createWaiters } from "./waiters.ts";

/** Longest body of a request, in bytes; one that carries attachments may be longer, if it says how long it is. */
export const BODY_BYTES = 1024 * 1024;

const { attachmentBytes, markdownBytes } = SUBMISSION_LIMITS;
/** Attachments in base64, and both texts with room for JSON's escapes. */
export const SUBMISSION_BYTES = Math.ceil(attachmentBytes / 3) * 4 + 4 * markdownBytes;

/** Routes whose body is a submission. */
const SUBMISSIONS = /^\/v1\/(?:mailboxes\/[^/]{1,80}\/send|messages\/[^/]{1,80}\/reply|pending\/[^/]{1,80}\/edit)$/;

/** Of a batch as JSON, which is in memory several times and read in one go; and of one message as its bytes. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** Long bodies being worked on at once, of one key and in all: each is in memory several times. */
const LONG = { perKey: 4, inAll: 8 };

/** For every answer that does not say otherwise: nothing here is a page, nothing here may be kept. */
const DEFAULTS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Headers that keep a browser from doing anything with an answer but show it. */
export function secure(publicUrl: string): MiddlewareHandler<HttpEnv> {
  const https = publicUrl.startsWith("https:");
  const defaults = { ...DEFAULTS, ...(https ? { "strict-transport-security": "max-age=31536000" } : {}) };
  return async (c, next) => {
    setHeaders(c, defaults);
    await next();
    keepHeaders(c, defaults);
  };
}

/**
 * Said before the answer is made: each that is said afterwards makes the answer anew, and an answer that was made anew is
 * written as a stream, which takes a turn of the loop and several times its processor time.
 */
export function setHeaders(c: Context<HttpEnv>, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
}

/** Also on an answer that was not made from the context. */
export function keepHeaders(c: Context<HttpEnv>, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) if (!c.res.headers.has(name)) c.header(name, value);
}

/**
 * Refused by the announced length, before a byte is read; a body of no announced length is cut off at the limit, and of
 * strangers, whom no route with a body lets in, not a byte of it is kept. Hono's own limit makes a new `Request`, which the
 * process's `Request` refuses from the adaptor's.
 */
export function limitBody(): MiddlewareHandler<HttpEnv> {
  const long = createWaiters(LONG.perKey, LONG.inAll);
  return async (c, next) => {
    const announced = Number(c.req.header("content-length") ?? 0);
    const most = mostOf(c);
    if (announced > most) throw tooLarge(most);
    using _ = announced > BODY_BYTES ? long.enter(currentCaller(c).key) : null;
    if (c.req.header("transfer-encoding") !== undefined && c.get("caller") !== null) keepBody(c, await readLimited(c.req.raw.body));
    await next();
  };
}

function mostOf({ req }: Context<HttpEnv>): number {
  if (isIngest(req.path)) return req.header("content-type")?.startsWith("message/rfc822") === true ? MAIL_LIMITS.size : BATCH_BYTES;
  return SUBMISSIONS.test(req.path) ? SUBMISSION_BYTES : BODY_BYTES;
}

async function readLimited(body: ReadableStream<Uint8Array> | null): Promise<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > BODY_BYTES) throw tooLarge(BODY_BYTES);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks)).buffer;
}

/** Hono keeps promises there, whatever its type says. */
function keepBody(c: Context<HttpEnv>, bytes: ArrayBuffer): void {
  c.req.bodyCache.arrayBuffer = Promise.resolve(bytes) as unknown as ArrayBuffer;
}

function tooLarge(most: number): PosternError {
  return new PosternError("payload_too_large", `a request body has at most ${most} bytes here`);
}
