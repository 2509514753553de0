import { ERROR_CODES, PosternError, type ErrorCode, type Problem } from "../model/errors.ts";

export interface ClientOptions {
  /** Without a final slash. */
  readonly url: string;
  readonly key: () => Promise<string>;
  readonly fetch: typeof fetch;
  /** What says where the service is, as a fix names it. Default `POSTERN_URL`. */
  readonly setting?: string;
}

/** Of one call. */
export interface Patience {
  /** Milliseconds until it is given up. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type Method = "POST" | "PUT" | "PATCH" | "DELETE";
type Headers = Readonly<Record<string, string>>;
export type Query = Readonly<Record<string, string | number | undefined>>;

/**
 * The HTTP door as the commands use it. One try per call: a command that failed says so, and whoever ran it decides.
 * Rejects with the `PosternError` the service answered, or `unavailable` when it did not.
 */
export interface Client {
  get<T extends object>(path: string, query?: Query, patience?: Patience): Promise<T>;
  /** `body` null: none. `headers` beside those of every call, e.g. `idempotency-key`. */
  send<T extends object>(method: Method, path: string, body: object | null, headers?: Headers): Promise<T>;
  /** A DELETE whose answer says nothing. */
  remove(path: string): Promise<void>;
  /** The body as it is. */
  bytes(path: string): Promise<Buffer>;
}

/** Milliseconds; a submission waits for its first decision up to 30 s, after its attachments have come. */
const TIMEOUT_MS = 45_000;
/** What names the URL where nothing else is said to. */
const SETTING = "POSTERN_URL";
/** The largest message is 25 MiB. */
const LARGEST_BODY = 64 * 1024 * 1024;

export function createClient(options: ClientOptions): Client {
  const json = async <T extends object>(request: Request): Promise<T> => parseAnswer<T>(options, await exchange(options, request));
  return {
    get: (path, query = {}, patience = {}) => json({ method: "GET", path: path + formatQuery(query), ...patience }),
    send: (method, path, body, headers = {}) => json({ method, path, headers, ...(body === null ? {} : { body }) }),
    remove: async (path) => void (await exchange(options, { method: "DELETE", path })),
    bytes: (path) => exchange(options, { method: "GET", path }),
  };
}

/** `/v1/messages/${segment(id)}`: an id cannot become another path. */
export function segment(id: string): string {
  if (/^\.{0,2}$/.test(id)) throw new PosternError("invalid_request", `\`${id}\` is not an id`);
  return encodeURIComponent(id);
}

interface Request extends Patience {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly headers?: Headers;
}

function formatQuery(query: Query): string {
  const set = Object.entries(query).filter(([, value]) => value !== undefined);
  return set.length === 0 ? "" : `?${new URLSearchParams(set.map(([name, value]): [string, string] => [name, String(value)])).toString()}`;
}

async function exchange(options: ClientOptions, request: Request): Promise<Buffer> {
  const response = await answerOf(options, request);
  const body = await readBody(options, response);
  if (response.ok) return body;
  throw problemOf(options, response, body);
}

async function answerOf(options: ClientOptions, request: Request): Promise<Response> {
  const { url, key, fetch } = options;
  const { method, path, body, headers: more = {}, timeoutMs = TIMEOUT_MS, signal } = request;
  const authorization = `Bearer ${await key()}`;
  const headers = { ...more, authorization, accept: "*/*", ...(body === undefined ? {} : { "content-type": "application/json" }) };
  // A redirect would carry the key elsewhere.
  const late = AbortSignal.timeout(timeoutMs);
  const fixed = { method, headers, redirect: "manual", signal: signal === undefined ? late : AbortSignal.any([late, signal]) } as const;
  try {
    return await fetch(url + path, body === undefined ? fixed : { ...fixed, body: JSON.stringify(body) });
  } catch (cause) {
    throw unreachable(options, cause, timeoutMs);
  }
}

async function readBody(options: ClientOptions, response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > LARGEST_BODY) throw notPostern(options, `sent more than ${LARGEST_BODY} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof PosternError ? cause : unreachable(options, cause);
  }
  return Buffer.concat(chunks);
}

function parseAnswer<T extends object>(options: ClientOptions, body: Buffer): T {
  const parsed = parseObject(body);
  if (parsed === null) throw notPostern(options, "sent no JSON");
  return parsed as T;
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null;
  } catch {
    return null;
  }
}

/** RFC 9457 back to what it was on the other side. */
function problemOf(options: ClientOptions, response: Response, body: Buffer): PosternError {
  const problem = response.headers.get("content-type")?.startsWith("application/problem+json") === true ? parseObject(body) : null;
  const { code, detail, fix, errors } = problem ?? {};
  if (typeof detail !== "string") return notPostern(options, `answered ${response.status}`);
  const retryAfter = retryAfterOf(response);
  return new PosternError(codeOf(code, response.status), detail, {
    temporary: response.status === 503 || response.status === 429 || code === "in_flight",
    ...(retryAfter === null ? {} : { retryAfter }),
    problems: problemsOf(errors),
    members: membersOf(problem ?? {}),
    ...(typeof fix === "string" ? { fix } : {}),
  });
}

function retryAfterOf(response: Response): number | null {
  const text = response.headers.get("retry-after") ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function codeOf(code: unknown, status: number): ErrorCode {
  const known = ERROR_CODES.find((each) => each === code);
  return known ?? (status >= 500 ? "internal" : "invalid_request");
}

/** What a refusal says beyond its text. */
const MEMBERS = ["reason", "decision_id", "draft_id"];

function membersOf(problem: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = MEMBERS.map((name) => [name, problem[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, string] => typeof entry[1] === "string"));
}

function problemsOf(errors: unknown): Problem[] {
  if (!Array.isArray(errors)) return [];
  return errors.slice(0, 100).flatMap((each: unknown) => {
    const { path, message } = (each ?? {}) as { readonly path?: unknown; readonly message?: unknown };
    return typeof path === "string" && typeof message === "string" ? [{ path, message }] : [];
  });
}

function unreachable({ url, setting = SETTING }: ClientOptions, cause: unknown, timeoutMs = TIMEOUT_MS): PosternError {
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  return new PosternError("unavailable", `\`${url}\` ${timedOut ? `did not answer within ${timeoutMs / 1000} s` : "cannot be reached"}`, {
    temporary: true,
    fix: `start the service (\`npm start\`, or the worker that has the plugin), or set ${setting} to where it is`,
    cause,
  });
}

function notPostern({ url, setting = SETTING }: ClientOptions, what: string): PosternError {
  return new PosternError("unavailable", `\`${url}\` ${what}, which is not what Postern does`, {
    fix: `set ${setting} to where the service is`,
  });
}
