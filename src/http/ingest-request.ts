import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { PosternError } from "../model/errors.ts";
import { AUTH_RESULTS } from "../model/message.ts";
import type { HttpEnv } from "./deps.ts";
import { exceeds } from "./ingest-json.ts";
import { unsupportedMediaType } from "./problem.ts";

/** Of one request. Its bytes are bounded before anything is read of it. */
export const INGEST_LIMITS = { items: 500, recipients: 100, headers: 100, attachments: 100 } as const;

/** An item has four levels; a value of every kind for each item, and as many again for the largest of them. What is too much for one item by less fails that item alone. */
const BOUNDS = { depth: 8, values: 200_000, entries: 5_000 };

const Address = z.string().min(1).max(1_000);
const Recipients = z
  .union([Address, z.array(Address).min(1).max(INGEST_LIMITS.recipients)])
  .transform((to) => (typeof to === "string" ? [to] : to))
  .openapi({ description: "Whose mailboxes it is for; each has a result of its own.", example: "assistant@acme.example" });

const Envelope = z.strictObject({
  from: z.string().max(1_000).default("").openapi({ description: "MAIL FROM; empty for the null sender." }),
  to: Recipients,
  ip: z.string().max(64).optional().openapi({ description: "The client that sent it, for SPF. Only a key that attests is believed." }),
  helo: z.string().max(255).optional(),
});

export const RawItem = z
  .strictObject({
    raw: z.string().openapi({ description: "The message as it came, CRLF line ends, in base64 (RFC 4648 §4)." }),
    envelope: Envelope,
    source: z.enum(["ingest", "cli"]).default("ingest"),
  })
  .openapi("RawItem");

const Results = z.enum(AUTH_RESULTS).default("none");

const Stated = z
  .strictObject({
    spf: Results,
    dkim: Results,
    dmarc: Results,
    arc: Results,
    from_alignment: z.strictObject({ spf: z.boolean().default(false), dkim: z.boolean().default(false) }).prefault({}),
  })
  .openapi({ description: "What you verified of it. Only of a key that attests; without, nothing was." });

const File = z.strictObject({ filename: z.string().max(255).default(""), content_type: z.string().min(3).max(255), content: z.string() });

export const ParsedItem = z
  .strictObject({
    to: Recipients,
    from: Address,
    cc: z.array(Address).max(INGEST_LIMITS.recipients).default([]),
    subject: z.string().default(""),
    text: z.string().default(""),
    html: z.string().nullable().default(null),
    headers: z
      .record(z.string(), z.string())
      .refine((headers) => Object.keys(headers).length <= INGEST_LIMITS.headers, `at most ${INGEST_LIMITS.headers}`)
      .default({})
      .openapi({ description: "Further header fields, such as `Auto-Submitted` or `List-Id`." }),
    message_id: z.string().max(998).nullable().default(null),
    in_reply_to: z.string().max(998).nullable().default(null),
    received_at: z.iso.datetime({ offset: true }).nullable().default(null).openapi({ description: "Becomes its `Date`." }),
    attachments: z.array(File).max(INGEST_LIMITS.attachments).default([]),
    verification: Stated.nullable().default(null),
  })
  .openapi("ParsedItem");

const ITEM_EXAMPLE = { to: "assistant@acme.example", from: "boss@acme.example", subject: "Lunch?", text: "Shall we have lunch on Friday?" };

/** As the OpenAPI document shows it; items are checked one by one, so that a bad one does not fail the rest. */
export const IngestRequest = z
  .union([
    RawItem,
    ParsedItem,
    z.strictObject({ items: z.array(z.union([RawItem, ParsedItem])).min(1).max(INGEST_LIMITS.items) }), // prettier-ignore
  ])
  .openapi("IngestRequest", { example: ITEM_EXAMPLE });

/** What was handed in: bytes with their envelope, or a parsed form, of any shape. */
export type Given =
  { readonly kind: "bytes"; readonly bytes: Buffer; readonly envelope: unknown } | { readonly kind: "json"; readonly item: unknown };

export interface Asked {
  readonly batch: boolean;
  readonly given: readonly Given[];
}

/** Throws for a request that cannot be read; of what its items are nothing is known yet. */
export async function readIngest(c: Context<HttpEnv>): Promise<Asked> {
  const type = (c.req.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json" && type !== "message/rfc822") throw unsupportedMediaType();
  const body = Buffer.from(await c.req.arrayBuffer());
  if (type === "message/rfc822") return { batch: false, given: [{ kind: "bytes", bytes: body, envelope: envelopeOf(c) }] };
  const json = parse(body);
  if (!isBatch(json)) return { batch: false, given: [{ kind: "json", item: json }] };
  return { batch: true, given: itemsOf(json).map((item) => ({ kind: "json", item })) };
}

function parse(body: Buffer): unknown {
  if (exceeds(body, BOUNDS)) throw new PosternError("payload_too_large", "the body has too many values, or too many within one another");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new HTTPException(400);
  }
}

function isBatch(json: unknown): json is Readonly<Record<"items", unknown>> {
  return typeof json === "object" && json !== null && "items" in json;
}

function itemsOf({ items, ...others }: Readonly<Record<"items", unknown>>): readonly unknown[] {
  const fits = Array.isArray(items) && items.length > 0 && items.length <= INGEST_LIMITS.items && Object.keys(others).length === 0;
  if (fits) return items as unknown[];
  throw new PosternError("invalid_request", "the body is not of the described shape", {
    fix: `send \`{"items": […]}\` with 1 to ${INGEST_LIMITS.items} items, and nothing beside them`,
    problems: [{ path: "items", message: `must be an array of 1 to ${INGEST_LIMITS.items}` }],
  });
}

/** Headers rather than the query keep addresses out of the logs of proxies; both are understood. */
function envelopeOf(c: Context<HttpEnv>): unknown {
  const one = (name: string): string | undefined => c.req.header(`x-envelope-${name}`) ?? c.req.query(name);
  const to = c.req.header("x-envelope-to")?.split(",").map((part) => part.trim()) ?? c.req.queries("to") ?? []; // prettier-ignore
  const given = { from: one("from"), ip: one("ip"), helo: one("helo") };
  return { to, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

/** Checked here, not by the route, which would refuse the whole batch. */
export function readEnvelope(value: unknown): z.infer<typeof Envelope> {
  return checked(Envelope, value, "envelope");
}

/** Entries of an object or array that an item has at most anywhere. */
const WIDEST = Math.max(INGEST_LIMITS.recipients, INGEST_LIMITS.headers, INGEST_LIMITS.attachments);

export function readItem(value: unknown): { readonly raw: z.infer<typeof RawItem> } | { readonly parsed: z.infer<typeof ParsedItem> } {
  if (isWide(value)) throw wideItem();
  const isRaw = typeof value === "object" && value !== null && "raw" in value;
  return isRaw ? { raw: checked(RawItem, value, "item") } : { parsed: checked(ParsedItem, value, "item") };
}

function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw invalidItem(what, read.error);
}

/** Looked at first: a schema finds fault with every single entry, which stops the process for seconds. As deep as `exceeds` lets through. */
function isWide(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  let entries = 0;
  for (const name in value) {
    if (++entries > WIDEST || isWide((value as Readonly<Record<string, unknown>>)[name])) return true;
  }
  return false;
}

function wideItem(): PosternError {
  const message = `has an object or array of more than ${WIDEST}`;
  return new PosternError("invalid_request", "the item is not of the described shape", {
    fix: "see `errors`, and `/docs` for the shape",
    problems: [{ path: "", message }],
  });
}

/** Problems told of one item. */
const PROBLEMS = 20;

function invalidItem(what: string, error: z.core.$ZodError): PosternError {
  return new PosternError("invalid_request", `the ${what} is not of the described shape`, {
    fix: "see `errors`, and `/docs` for the shape",
    problems: error.issues.slice(0, PROBLEMS).map((issue) => ({
      path: issue.path.map(String).join(".").slice(0, 200),
      message: issue.code === "unrecognized_keys" ? `unknown: ${issue.keys.slice(0, 5).map((key) => `\`${key.slice(0, 64)}\``).join(", ")}` : issue.message, // prettier-ignore
    })),
  });
}
