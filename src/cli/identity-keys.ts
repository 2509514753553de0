import { calculateJwkThumbprint, type JWK } from "jose";
import { PosternError } from "../model/errors.ts";
import type { CliDeps } from "./deps.ts";
import { serviceUrl } from "./settings.ts";

export interface IdentityKeys {
  readonly keys: readonly JWK[];
  /** Where they were taken from, for people. */
  readonly from: string;
}

/** Named on the command line: a key itself, a file with one, or where to fetch one; none: the service of this environment. */
export interface KeyChoice {
  readonly key?: string;
  readonly url?: string;
}

/**
 * Public keys to check identities with. Threat: the message must not say which key to trust, so nothing is ever fetched
 * from an address that it names.
 */
export async function identityKeys(deps: CliDeps, { key, url }: KeyChoice): Promise<IdentityKeys> {
  if (key !== undefined && url !== undefined) {
    throw new PosternError("invalid_request", "`--key` and `--url` were both given", { fix: "give one of them" });
  }
  if (key?.trimStart().startsWith("{") === true) return { keys: await readKeys(key, "--key"), from: "the command line" };
  if (key !== undefined) return { keys: await readKeys(await readFile(deps, key), key), from: key };
  const place = keyUrl(url ?? serviceUrl(deps.env));
  return { keys: await readKeys(await fetchText(deps, place), place), from: place };
}

async function readFile({ files }: CliDeps, path: string): Promise<string> {
  try {
    return (await files.read(path)).toString("utf8");
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new PosternError("invalid_request", `\`${path}\` cannot be read (${code})`, {
      fix: "name a file with a JWK or a JWK set",
      cause,
    });
  }
}

/** A bare origin stands for the set that a Postern there publishes. */
function keyUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new PosternError("invalid_request", `\`${text}\` is not an http or https URL`, {
      fix: "write for example `https://mail.acme.example`",
    });
  }
  if (url.pathname === "/" && url.search === "") url.pathname = "/.well-known/jwks.json";
  return url.href;
}

const TIMEOUT_MS = 10_000;
const LARGEST = 64 * 1024;

async function fetchText({ fetch }: CliDeps, url: string): Promise<string> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((cause: unknown) => {
    throw new PosternError("unavailable", `\`${url}\` cannot be reached`, {
      temporary: true,
      fix: "check the URL, or give `--key` a file",
      cause,
    });
  });
  if (!response.ok) throw new PosternError("unavailable", `\`${url}\` answered ${response.status}`, { fix: "check the URL" });
  return readBounded(url, response);
}

async function readBounded(url: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > LARGEST) throw new PosternError("unavailable", `\`${url}\` sent more than ${LARGEST} bytes`, { fix: "check the URL" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A JWK or a JWK set; a key without a name goes by its thumbprint, as ours do. */
async function readKeys(text: string, place: string): Promise<readonly JWK[]> {
  const value = parse(text);
  const listed: unknown = typeof value === "object" && value !== null && "keys" in value ? value.keys : [value];
  const keys = Array.isArray(listed) ? listed.filter(isPublicKey) : [];
  if (keys.length > 0) return Promise.all(keys.map(named));
  throw new PosternError("invalid_request", `\`${place.slice(0, 100)}\` holds no P-256 key`, {
    fix: "give a JWK with `kty` EC, `crv` P-256, `x` and `y`",
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface PublicKey {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
  readonly kid?: unknown;
}

function isPublicKey(value: unknown): value is PublicKey {
  const { kty, crv, x, y } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return kty === "EC" && crv === "P-256" && [x, y].every((part) => typeof part === "string" && /^[A-Za-z0-9_-]{43}$/.test(part));
}

/** Of the public part alone, whatever else was given. */
async function named({ kty, crv, x, y, kid }: PublicKey): Promise<JWK> {
  const key = { kty, crv, x, y };
  return { ...key, kid: typeof kid === "string" ? kid : await calculateJwkThumbprint(key) };
}
