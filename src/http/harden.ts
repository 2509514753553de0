import type { Context, MiddlewareHandler } from "hono";
import { PosternError } from "../model/errors.ts";
import type { HttpEnv } from "./deps.ts";

/** Longest body of any request, in bytes. */
export const BODY_BYTES = 1024 * 1024;

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
    await next();
    for (const [name, value] of Object.entries(defaults)) if (!c.res.headers.has(name)) c.header(name, value);
  };
}

/**
 * Refused by the announced length, before a byte is read; a body of no announced length is cut off at the limit, and of
 * strangers, whom no route with a body lets in, not a byte of it is kept. Hono's own limit makes a new `Request`, which the
 * process's `Request` refuses from the adaptor's.
 */
export function limitBody(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (Number(c.req.header("content-length") ?? 0) > BODY_BYTES) throw tooLarge();
    if (c.req.header("transfer-encoding") !== undefined && c.get("caller") !== null) keepBody(c, await readLimited(c.req.raw.body));
    await next();
  };
}

async function readLimited(body: ReadableStream<Uint8Array> | null): Promise<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks)).buffer;
}

/** Hono keeps promises there, whatever its type says. */
function keepBody(c: Context<HttpEnv>, bytes: ArrayBuffer): void {
  c.req.bodyCache.arrayBuffer = Promise.resolve(bytes) as unknown as ArrayBuffer;
}

function tooLarge(): PosternError {
  return new PosternError("payload_too_large", `a request body has at most ${BODY_BYTES} bytes`);
}
