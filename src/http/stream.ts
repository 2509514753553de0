import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { streamSSE, type SSEStreamingApi } from "hono/streaming";
import { PosternError } from "../model/errors.ts";
import type { MailboxRow } from "../store/contract.ts";
import { currentCaller, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { messageJson } from "./message-json.ts";
import { formatCursor, nextMessage, parseCursor, stopsOf } from "./next-message.ts";
import { allowReading } from "./reading.ts";
import { guarded, problems } from "./route.ts";
import { createWaiters } from "./waiters.ts";

/** Milliseconds between signs of life; as often it is asked whether the key is still good. */
const HEARTBEAT_MS = 15_000;

/** Milliseconds after which a client should connect again. */
const RETRY_MS = 2_000;

/** Streams at once, of one key and in all: each holds a connection for as long as it lasts. */
const PER_KEY = 16;
const IN_ALL = 1_000;

/** Milliseconds for which a client may take nothing of what it is sent. */
const STUCK_MS = 30_000;

/** For tests: shorter and fewer. */
export interface StreamBounds {
  readonly perKey?: number;
  readonly stuckMs?: number;
}

const stream = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}/stream",
  tags: ["Messages"],
  summary: "Stream delivered messages",
  description:
    "Server-sent events, for an agent without a public address: one event `message` for each delivered message, oldest first, `data` as `GET /v1/messages/{id}`, `id` the cursor of `wait`. " +
    "With `Last-Event-ID` (or `after`) it goes on after that message, without it begins with the oldest. Ends when the key is revoked, the mailbox is stopped or the instance stops.",
  request: {
    params: MailboxPath,
    headers: z.object({
      "last-event-id": z.string().max(200).optional().openapi({ description: "`id` of the last event that was dealt with." }),
    }),
    query: z.strictObject({
      after: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .openapi({ description: "The same for clients that cannot set the header, which goes before." }),
    }),
  },
  responses: {
    200: {
      description: "Events, until either side ends it",
      content: {
        "text/event-stream": { schema: z.string().openapi({ example: 'event: message\nid: NDIt…\ndata: {"id":"msg_1h3k…"}\n\n' }) },
      },
    },
    ...problems({ 404: "No such mailbox", 422: "Another mailbox's cursor", 429: "Too many streams with this key" }),
  },
});

/** Push without a public URL. */
export function streamRoutes(deps: HttpDeps, { perKey = PER_KEY, stuckMs = STUCK_MS }: StreamBounds = {}): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const streams = createWaiters(perKey, IN_ALL);
  app.openapi(stream, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    await allowReading(deps, caller, mailbox.id);
    const from = placeOf(mailbox, c.req.valid("header")["last-event-id"] || undefined, c.req.valid("query").after);
    const place = streams.enter(caller.key);
    return streamSSE(c, async (out) => {
      using _ = place;
      const paced = { write: (text: string) => inTime(out.write(text), stuckMs), onAbort: out.onAbort.bind(out) };
      await tell(deps, caller, mailbox, from, paced).catch((error: unknown) => (error instanceof Stuck ? cut(c) : report(deps, error)));
    });
  });
  return app;
}

function placeOf({ id }: MailboxRow, last: string | undefined, after: string | undefined): number {
  if (last !== undefined) return parseCursor(id, last, "Last-Event-ID");
  return after === undefined ? 0 : parseCursor(id, after, "after");
}

/** Whoever reads takes nothing of it. */
class Stuck extends Error {}

/** INVARIANT: nobody keeps a place by not reading, also not beyond the life of the key. */
async function inTime(written: Promise<unknown>, ms: number): Promise<void> {
  const { promise: stuck, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Stuck()), ms);
  try {
    await Promise.race([written, stuck]);
  } finally {
    clearTimeout(timer);
  }
}

/** The end of the stream would wait behind what is not read. */
function cut({ env }: Context<HttpEnv>): void {
  (env as Partial<HttpBindings>).outgoing?.destroy();
}

/** A stream of which each write says when it was taken. */
interface Out extends Pick<SSEStreamingApi, "onAbort"> {
  write(text: string): Promise<void>;
}

/** INVARIANT: before every event it is asked again whether this caller may still read. */
async function tell(deps: HttpDeps, caller: Caller, mailbox: MailboxRow, from: number, out: Out): Promise<void> {
  const gone = new AbortController();
  out.onAbort(() => gone.abort());
  const stops = stopsOf(deps, gone.signal);
  // At once: whoever connects learns that it is heard.
  await out.write(`retry: ${RETRY_MS}\n\n`);
  for (let place = from; ;) {
    const row = await nextMessage(deps, mailbox, place, HEARTBEAT_MS, stops);
    if (stops.some((stop) => stop.aborted) || !(await mayRead(deps, caller, mailbox))) return;
    if (row === null) {
      await out.write(": still here\n\n");
      continue;
    }
    place = row.delivery_seq ?? place;
    const data = JSON.stringify(await messageJson(deps, caller, row));
    // JSON is one line.
    await out.write(`event: message\ndata: ${data}\nid: ${formatCursor(mailbox.id, place)}\n\n`);
  }
}

/** Whoever listens learns only that it has ended, and comes again. */
function report({ log }: HttpDeps, error: unknown): void {
  log.error({ code: error instanceof PosternError ? error.code : "internal" }, "a stream of messages failed");
}

async function mayRead(deps: HttpDeps, caller: Caller, { id }: MailboxRow): Promise<boolean> {
  const { tenant } = caller;
  const key = await deps.store.run("keys.get", { tenant, id: caller.key.id });
  if (key === null || key.revoked_at !== null) return false;
  try {
    await allowReading(deps, caller, id);
    return true;
  } catch (error) {
    if (error instanceof PosternError && error.code === "forbidden") return false;
    throw error;
  }
}
