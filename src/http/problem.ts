import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "@hono/zod-openapi";
import { ERROR_CODES, PosternError, type ErrorCode, type Problem } from "../model/errors.ts";
import type { HttpEnv, HttpLog } from "./deps.ts";

/** What only HTTP can get wrong. */
const HTTP_CODES = ["malformed_request", "method_not_allowed", "unsupported_media_type"] as const;
type ProblemCode = ErrorCode | (typeof HTTP_CODES)[number];

const STATUS: Readonly<Record<ProblemCode, ContentfulStatusCode>> = {
  malformed_request: 400,
  unauthorized: 401,
  forbidden: 403,
  capability_denied: 403,
  blocked: 403,
  approval_refused: 403,
  mode_code_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  already_decided: 409,
  idempotency_conflict: 409,
  in_flight: 409,
  content_hash_required: 409,
  content_stale: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  invalid_request: 422,
  invalid_policy: 422,
  too_many_requests: 429,
  internal: 500,
  invalid_config: 500,
  unavailable: 503,
};

const TITLE: Readonly<Record<ProblemCode, string>> = {
  malformed_request: "The request cannot be read",
  unauthorized: "A key is needed",
  forbidden: "This key may not do that",
  capability_denied: "The capability was not granted",
  blocked: "The draft was blocked",
  approval_refused: "This approval does not count",
  mode_code_required: "An operator's code is needed",
  not_found: "Not found",
  method_not_allowed: "The method is not allowed here",
  conflict: "In conflict with what is there",
  already_decided: "Already decided",
  idempotency_conflict: "The idempotency key was used for something else",
  in_flight: "The same request is under way",
  content_hash_required: "The content hash is needed",
  content_stale: "The content is another by now",
  payload_too_large: "The request is too large",
  unsupported_media_type: "The media type is not supported",
  invalid_request: "The request is not valid",
  invalid_policy: "The policy is not valid",
  too_many_requests: "Too many requests",
  internal: "Something broke",
  invalid_config: "Something broke",
  unavailable: "Not available at the moment",
};

export function statusOf(code: ErrorCode): number {
  return STATUS[code];
}

/** RFC 9457 with members of our own; `code` is stable, texts are not. */
export const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum([...ERROR_CODES, ...HTTP_CODES]),
    detail: z.string(),
    fix: z.string().optional(),
    request_id: z.string(),
    decision_id: z.string().optional(),
    draft_id: z.string().optional(),
    reason: z.string().optional(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi("Problem", {
    example: {
      type: "urn:postern:problem:not_found",
      title: "Not found",
      status: 404,
      code: "not_found",
      detail: "no such message",
      fix: "check the id, and that this key may see it",
      request_id: "req_5z2m8kq0v7c3x1pd",
    },
  });

/** One thing that went wrong, before it is an answer. */
interface Failure {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly fix?: string | undefined;
  readonly problems?: readonly Problem[];
  readonly members?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one translation of errors at this door. What is not ours is `internal`, and its message stays with us: it may hold anything. */
export function answerError(log: HttpLog): (error: Error, c: Context<HttpEnv>) => Response {
  return (error, c) => {
    const failure = failureOf(error);
    if (STATUS[failure.code] >= 500) log.error({ request_id: c.get("requestId"), code: failure.code, ...traceOf(error) }, "request failed");
    return answerProblem(c, failure);
  };
}

export function answerUnknownRoute(c: Context<HttpEnv>, allowed: readonly string[]): Response {
  if (allowed.length === 0)
    return answerProblem(c, { code: "not_found", detail: "no such route", fix: "`/openapi.json` lists all of them" });
  const allow = allowed.join(", ");
  return answerProblem(c, { code: "method_not_allowed", detail: `use ${allow}`, headers: { allow } });
}

/** What validation hands over when a request is not of the described shape. */
export function refuseInvalid(result: { target: string; success: boolean; error?: z.core.$ZodError }): undefined {
  if (result.success || result.error === undefined) return undefined;
  const target = result.target;
  throw new PosternError("invalid_request", `the ${TARGET_NAMES[target] ?? target} is not of the described shape`, {
    fix: "see `errors`, and `/docs` for the shape",
    problems: result.error.issues.map((issue) => ({ path: pathOf(issue), message: messageOf(issue) })),
  });
}

const TARGET_NAMES: Readonly<Record<string, string>> = { json: "body", query: "query", param: "path" };

function pathOf(issue: z.core.$ZodIssue): string {
  return issue.path.map(String).join(".");
}

/** Zod quotes unknown keys, which come from outside; everything else it says is about our schema. */
function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === "unrecognized_keys" ? `unknown: ${issue.keys.map((key) => `\`${key.slice(0, 64)}\``).join(", ")}` : issue.message;
}

export function notFound(what: string): PosternError {
  return new PosternError("not_found", `no such ${what}`, { fix: "check the id, and that this key may see it" });
}

export function unsupportedMediaType(): HTTPException {
  return new HTTPException(415);
}

function failureOf(error: Error): Failure {
  if (error instanceof PosternError) return ofPosternError(error);
  if (error instanceof HTTPException) return ofHttpException(error);
  return { code: "internal", detail: "the request failed on our side", fix: "try again; the log has the request id" };
}

function ofPosternError(error: PosternError): Failure {
  const known = { code: error.code, detail: error.message, fix: error.fix, problems: error.problems, members: error.members };
  switch (error.code) {
    case "unauthorized":
      return { ...known, headers: { "www-authenticate": 'Bearer realm="postern"' } };
    case "unavailable":
    case "too_many_requests":
    case "in_flight":
      return { ...known, headers: { ...error.headers, "retry-after": String(error.retryAfter ?? 1) } };
    default:
      return known;
  }
}

/** Thrown by Hono while it reads a body. */
function ofHttpException(error: HTTPException): Failure {
  if (error.status === 415)
    return {
      code: "unsupported_media_type",
      detail: "the body is not of a type this route takes",
      fix: "send `content-type: application/json`",
    };
  if (error.status === 400) return { code: "malformed_request", detail: "the body is not JSON" };
  return { code: "internal", detail: "the request failed on our side" };
}

function answerProblem(c: Context<HttpEnv>, failure: Failure): Response {
  const { code, detail, fix, problems = [], members = {}, headers = {} } = failure;
  const status = STATUS[code];
  const body = {
    type: `urn:postern:problem:${code}`,
    title: TITLE[code],
    status,
    code,
    detail,
    ...(fix === undefined ? {} : { fix }),
    request_id: c.get("requestId"),
    ...members,
    ...(problems.length === 0 ? {} : { errors: problems }),
  };
  return c.body(JSON.stringify(body), status, { "content-type": "application/problem+json", ...headers });
}

/** Where it broke, without the message: that may quote what was being worked on. `detail` is written for the log. */
function traceOf(error: Error): Readonly<Record<string, unknown>> {
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  const detail = error instanceof PosternError ? error.detail : undefined;
  return { error: error.name, detail, frames: frames.slice(0, 8) };
}
