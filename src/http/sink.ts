import { OpenAPIHono, z } from "@hono/zod-openapi";
import { isId } from "../model/ids.ts";
import { PosternError } from "../model/errors.ts";
import type { SinkRow } from "../store/contract-outbound.ts";
import { currentCaller, sees, unbound, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { mailboxOf } from "./mailboxes.ts";
import { PageQuery, pageOf, present, timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { rawMail } from "./raw-mail.ts";
import { guarded, json, problems } from "./route.ts";

const TAGS = ["Sandbox"];

/** Characters of a header that are shown. */
const HEADER_LENGTH = 100_000;

const SINK_EXAMPLE = {
  id: "snk_2n4p6r8t0v1x3z5b7d9f1h3k",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  draft_id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m",
  envelope_sender: "assistant@acme.example",
  recipients: ["boss@acme.example"],
  size: 2048,
  sent_at: "2026-11-21T10:00:00.000Z",
};

const sunkShape = {
  id: z.string(),
  mailbox_id: z.string(),
  draft_id: z.string(),
  envelope_sender: z.string(),
  recipients: z.array(z.string()).openapi({ description: "Of the envelope: whoever would have got it, Bcc as well." }),
  size: z.int(),
  sent_at: z.string(),
};

const Sunk = z.object(sunkShape).openapi("SunkMail", { example: SINK_EXAMPLE });
const SunkDetail = z
  .object({
    ...sunkShape,
    subject: z.string(),
    headers: z.array(z.object({ name: z.string(), value: z.string() })),
    text: z.string(),
  })
  .openapi("SunkMailDetail", {
    example: {
      ...SINK_EXAMPLE,
      subject: "Friday at noon",
      headers: [{ name: "Subject", value: "Friday at noon" }],
      text: "Shall we meet?",
    },
  });

const SinkPath = z.object({ id: z.string().max(80).openapi({ example: SINK_EXAMPLE.id }) });

const list = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/sink",
  tags: TAGS,
  summary: "List mail that the sandbox kept",
  description: "Without a relay nothing leaves: what was sent is here. A key that is bound to mailboxes names one of them.",
  request: { query: PageQuery.extend({ mailbox_id: z.string().max(80).optional().openapi({ example: SINK_EXAMPLE.mailbox_id }) }) },
  responses: { 200: json("Newest first", pageOf("SinkPage", Sunk)), ...problems({ 404: "No such mailbox", 422: "Bad query" }) },
});

const get = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/sink/{id}",
  tags: TAGS,
  summary: "Read mail that the sandbox kept",
  request: { params: SinkPath },
  responses: { 200: json("Header and text", SunkDetail), ...problems({ 404: "No such mail, or its bytes are no longer kept" }) },
});

const raw = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/sink/{id}/raw",
  tags: TAGS,
  summary: "Get the bytes that would have left",
  request: { params: SinkPath },
  responses: {
    200: {
      description: "RFC 5322 bytes",
      content: { "message/rfc822": { schema: z.string().openapi({ format: "binary", example: "DKIM-Signature: v=1; …" }) } },
    },
    ...problems({ 404: "No such mail, or its bytes are no longer kept" }),
  },
});

/** What would have left, where there is no relay (MB-13). */
export function sinkRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(list, async (c) => {
    const caller = currentCaller(c);
    const { mailbox_id, ...page } = c.req.valid("query");
    const mailbox = mailbox_id === undefined ? undefined : (await mailboxOf(deps, caller, mailbox_id)).id;
    const { tenant } = mailbox === undefined ? unbound(caller) : caller;
    const { items, next_cursor } = await deps.store.run("sink.list", { tenant, ...present({ ...page, mailbox }) });
    return c.json({ items: items.map(sunkJson), next_cursor }, 200);
  });
  app.openapi(get, async (c) => {
    const row = await sunkOf(deps, currentCaller(c), c.req.valid("param").id);
    const bytes = await bytesOf(deps, row);
    const { subject, text } = await deps.composer.preview({ tenant: row.tenant, ref: row.message });
    return c.json({ ...sunkJson(row), subject, headers: headersIn(bytes), text }, 200);
  });
  app.openapi(raw, async (c) => {
    const row = await sunkOf(deps, currentCaller(c), c.req.valid("param").id);
    return rawMail(row.id, await bytesOf(deps, row));
  });
  return app;
}

async function sunkOf({ store }: HttpDeps, caller: Caller, id: string): Promise<SinkRow> {
  const row = isId("snk", id) ? await store.run("sink.get", { tenant: caller.tenant, id }) : null;
  if (row === null || !sees(caller, row.mailbox)) throw notFound("mail in the sandbox");
  return row;
}

async function bytesOf({ blobs }: HttpDeps, { tenant, message }: SinkRow): Promise<Buffer> {
  const bytes = await blobs.get(tenant, message.digest);
  if (bytes === null) throw new PosternError("not_found", "the bytes of this mail are no longer kept");
  return bytes;
}

/** Fields as they are written, unfolded. */
function headersIn(bytes: Buffer): { name: string; value: string }[] {
  const end = bytes.indexOf("\r\n\r\n");
  const header = bytes.subarray(0, Math.min(end === -1 ? bytes.length : end, HEADER_LENGTH)).toString("utf8");
  const fields: { name: string; value: string }[] = [];
  for (const line of header.split("\r\n")) {
    const last = fields.at(-1);
    const colon = line.indexOf(":");
    if (last !== undefined && (line.startsWith(" ") || line.startsWith("\t"))) last.value += ` ${line.trim()}`;
    else if (colon > 0) fields.push({ name: line.slice(0, colon), value: line.slice(colon + 1).trim() });
  }
  return fields;
}

function sunkJson({ id, mailbox, draft, envelope_sender, recipients, message, at }: SinkRow): z.infer<typeof Sunk> {
  return {
    ...{ id, mailbox_id: mailbox, draft_id: draft, envelope_sender },
    recipients: [...recipients],
    size: message.size,
    sent_at: timeOf(at),
  };
}
