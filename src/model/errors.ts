/**
 * A fault, or bad input at an edge. Expected outcomes (a refusal, a time-out of a long poll) are values, not errors.
 *
 * `message` may be shown to whoever called; `detail` is for the operator's log only. Text style: lower case, no full
 * stop, input in back-ticks; `fix` says the way out. Neither may hold mail content, keys or other people's addresses.
 */
export class PosternError extends Error {
  readonly code: ErrorCode;
  /** True when the same call may succeed later: SMTP 4xx, HTTP 503. */
  readonly temporary: boolean;
  readonly fix: string | undefined;
  readonly detail: string | undefined;
  /** For invalid documents: where, and what is wrong there. */
  readonly problems: readonly Problem[];
  /** More of a refusal that its caller should know, e.g. `decision_id`. Codes and ids only. */
  readonly members: Readonly<Record<string, string>>;
  /** When the same call may succeed again, in seconds. */
  readonly retryAfter: number | undefined;
  /** For HTTP: what else its answer carries. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: PosternErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PosternError";
    this.code = code;
    this.temporary = options.temporary ?? false;
    this.fix = options.fix;
    this.detail = options.detail;
    this.problems = options.problems ?? [];
    this.members = options.members ?? {};
    this.retryAfter = options.retryAfter;
    this.headers = options.headers ?? {};
    // Nobody wants to read what is empty: neither in a log nor where a process ends with the error.
    for (const name of MAY_BE_EMPTY) if (isEmpty(this[name])) Object.defineProperty(this, name, { enumerable: false });
  }
}

const MAY_BE_EMPTY = ["fix", "detail", "problems", "members", "retryAfter", "headers"] as const;

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

export interface Problem {
  /** Path into the document, e.g. `senders[2].rateLimit.perHour`. */
  readonly path: string;
  readonly message: string;
}

interface PosternErrorOptions {
  readonly temporary?: boolean;
  readonly fix?: string;
  readonly detail?: string;
  readonly problems?: readonly Problem[];
  readonly members?: Readonly<Record<string, string>>;
  readonly retryAfter?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Stable: part of the HTTP contract. */
export const ERROR_CODES = [
  "invalid_request",
  "invalid_policy",
  "invalid_config",
  "unauthorized",
  "forbidden",
  "capability_denied",
  "not_found",
  "conflict",
  "already_decided",
  "blocked",
  "idempotency_conflict",
  "in_flight",
  "content_hash_required",
  "content_stale",
  "approval_refused",
  "mode_code_required",
  "payload_too_large",
  "too_many_requests",
  "unavailable",
  "internal",
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];
