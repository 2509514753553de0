import { AwsClient } from "aws4fetch";
import { PosternError } from "../../model/errors.ts";
import { keyOf, parseKey, type BlobName } from "../name.ts";
import type { S3Settings } from "./settings.ts";

/** Milliseconds one request may take, its body included. */
const REQUEST_MS = 30_000;

/** Bytes of one page of a listing, which has at most 1,000 keys of some 200 bytes and what the server says of each. */
const PAGE_BYTES = 4 << 20;

const UNSEEN = /[^\x20-\x7e]/g;

export interface Listed extends BlobName {
  /** Epoch milliseconds of the last put, to the second. */
  readonly at: number;
}

/**
 * The four requests of S3 that blobs need, signed with Signature Version 4. No retries: callers retry. Everything but an
 * expected answer is a temporary `unavailable`, because a bucket or a key may be set right; the store's own words are in
 * `detail`, without what was sent.
 */
export class Bucket {
  readonly #client: AwsClient;
  readonly #root: string;
  readonly #prefix: string;
  readonly #requestMs: number;

  constructor(settings: S3Settings, requestMs = REQUEST_MS) {
    const { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey, sessionToken } = settings;
    const session = sessionToken === undefined ? {} : { sessionToken };
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: 0, ...session });
    this.#root = `${endpoint}/${bucket}`;
    this.#prefix = prefix;
    this.#requestMs = requestMs;
  }

  /** The digest is what the store checks the bytes by, before it answers. */
  async put(name: BlobName, body: Buffer | Blob): Promise<void> {
    // A view over the same memory: `fetch` wants bytes that are not shared.
    const bytes = body instanceof Blob ? body : new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength);
    const headers = { "content-type": "application/octet-stream", "x-amz-content-sha256": name.digest };
    const response = await this.#ask("PUT", this.#url(name), { headers, body: bytes });
    await drop(response);
    if (!response.ok) throw refused("PUT", response.status);
  }

  /** Null when absent. */
  async get(name: BlobName): Promise<Buffer | null> {
    const response = await this.#ask("GET", this.#url(name));
    if (response.ok) return reading("GET", () => response.arrayBuffer().then((bytes) => Buffer.from(bytes)));
    const code = await errorCode(response);
    // A bucket that is missing is 404 as well, and must not look like a lost message.
    if (response.status === 404 && code !== "NoSuchBucket") return null;
    throw refused("GET", response.status, code);
  }

  async remove(name: BlobName): Promise<void> {
    const response = await this.#ask("DELETE", this.#url(name));
    await drop(response);
    if (!response.ok && response.status !== 404) throw refused("DELETE", response.status);
  }

  async *list(): AsyncGenerator<Listed> {
    for (let token: string | null = null, more = true; more;) {
      const page = parsePage(await this.#page(token));
      for (const { key, at } of page.items) {
        const name = key.startsWith(this.#prefix) ? parseKey(key.slice(this.#prefix.length)) : null;
        if (name !== null) yield { ...name, at };
      }
      token = page.next;
      more = token !== null;
    }
  }

  async #page(token: string | null): Promise<string> {
    const query = new URLSearchParams({ "list-type": "2", prefix: this.#prefix });
    if (token !== null) query.set("continuation-token", token);
    const response = await this.#ask("GET", `${this.#root}?${query.toString()}`);
    if (!response.ok) throw refused("LIST", response.status, await errorCode(response));
    const text = await reading("LIST", () => response.text());
    if (text.length > PAGE_BYTES) throw unavailable("the list of blobs is too large to be one page");
    return text;
  }

  #url(name: BlobName): string {
    return `${this.#root}/${this.#prefix}${keyOf(name)}`;
  }

  async #ask(method: string, url: string, init: RequestInit = {}): Promise<Response> {
    return reading(method, () => {
      return this.#client.fetch(url, { ...init, method, redirect: "error", signal: AbortSignal.timeout(this.#requestMs) });
    });
  }
}

async function reading<T>(what: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const { cause: inner } = cause as { cause?: unknown };
    const code = inner instanceof Error && "code" in inner ? String(inner.code) : cause instanceof Error ? cause.name : "";
    throw unavailable(`${what}: ${code}`, cause);
  }
}

/** So that the connection can be used again. */
async function drop(response: Response): Promise<void> {
  await response.arrayBuffer().catch(() => undefined);
}

/** `<Code>` of an S3 error, from the first kilobytes; empty when there is none. */
async function errorCode(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  return /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(text.slice(0, 4096))?.[1] ?? "";
}

function refused(what: string, status: number, code = ""): PosternError {
  return unavailable(`${what}: ${status} ${code}`.trimEnd());
}

function unavailable(detail: string, cause?: unknown): PosternError {
  return new PosternError("unavailable", "the blob store does not answer as it should", {
    temporary: true,
    detail: detail.replace(UNSEEN, "?"),
    ...(cause === undefined ? {} : { cause }),
  });
}

interface Page {
  readonly items: readonly { readonly key: string; readonly at: number }[];
  readonly next: string | null;
}

/** ListObjectsV2. Our keys hold nothing that XML would escape; what does is another's, and no blob. */
function parsePage(xml: string): Page {
  const items = [...xml.matchAll(/<Contents>(.{0,4000}?)<\/Contents>/gs)].flatMap(([, contents = ""]) => {
    const key = field(contents, "Key");
    const at = Date.parse(field(contents, "LastModified") ?? "");
    return key === null || Number.isNaN(at) ? [] : [{ key, at }];
  });
  return { items, next: field(xml, "IsTruncated") === "true" ? unescapeXml(field(xml, "NextContinuationToken")) : null };
}

function field(xml: string, name: string): string | null {
  const from = xml.indexOf(`<${name}>`);
  const to = from < 0 ? -1 : xml.indexOf(`</${name}>`, from);
  return to < 0 ? null : xml.slice(from + name.length + 2, to);
}

const ENTITIES: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'" };

function unescapeXml(text: string | null): string | null {
  return text === null ? null : text.replace(/&(?:amp|lt|gt|quot|apos);/g, (entity) => ENTITIES[entity] ?? entity);
}
