import { OpenAPIHono, z } from "@hono/zod-openapi";
import { faultCode } from "../intake/fault.ts";
import { INBOUND_OUTCOMES } from "../model/decision.ts";
import { ERROR_CODES, PosternError } from "../model/errors.ts";
import { currentCaller, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { letterOf } from "./ingest-letter.ts";
import { INGEST_PATHS } from "./ingest-paths.ts";
import { INGEST_LIMITS, IngestRequest, readIngest, type Given } from "./ingest-request.ts";
import { createTakeIn, type TakeIn, type Taking } from "./ingest-taking.ts";
import { statusOf } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";
import { createWaiters } from "./waiters.ts";

const TAGS = ["Messages"];

/** Items of one request judged at once; with the requests below well under the judgements that are under way at most. */
const WIDTH = 8;
const REQUESTS = { perKey: 2, inAll: 4 };
/** Milliseconds for a whole request. What has not begun by then is told to come again. */
const REQUEST_MS = 120_000;

const resultShape = {
  to: z.string(),
  id: z.string(),
  agent_id: z.string(),
  injection_score: z.number().nullable().openapi({ description: "Null: there is no scorer yet." }),
  quarantined: z.boolean(),
  outcome: z.enum(INBOUND_OUTCOMES),
  decision_id: z.string().nullable(),
};

const RESULT_EXAMPLE = {
  to: "assistant@acme.example",
  id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f",
  agent_id: "assistant",
  injection_score: null,
  quarantined: false,
  outcome: "delivered" as const,
  decision_id: "dec_2n4p6r8t0v1x3z5b7d9f1h3k",
};

const Ingested = z.object(resultShape).openapi("Ingested", { example: RESULT_EXAMPLE });

const Failed = z
  .object({
    to: z.string().nullable(),
    error: z.object({
      status: z.int(),
      code: z.enum(ERROR_CODES),
      detail: z.string(),
      fix: z.string().optional(),
      errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    }),
  })
  .openapi("NotIngested");

const Place = z.object({ index: z.int().openapi({ description: "The item's place in the request, from 0." }) });

const IngestedItems = z
  .object({ items: z.array(z.union([Ingested.extend(Place.shape), Failed.extend(Place.shape)])) })
  .openapi("IngestedItems", { example: { items: [{ index: 0, ...RESULT_EXAMPLE }] } });

const Result = z.union([Ingested, IngestedItems]).openapi("IngestResult", { example: RESULT_EXAMPLE });

const DESCRIPTION = [
  `Raw or parsed, alone or in batches of up to ${INGEST_LIMITS.items} items and 16 MiB; a raw message of up to 25 MiB as \`message/rfc822\`, its`,
  "envelope in `x-envelope-from`, `x-envelope-to`, `x-envelope-ip`, `x-envelope-helo`, or in the query as `from`, `to` …. One message for one",
  "recipient has one result; otherwise `items` has one for each item and recipient, in order, and a bad one does not fail the others.",
  "Judged like mail by SMTP, but the answer is told to you: nothing is refused to a sender. The same content again is the same message.",
  "The key may also come as `x-agentpack-key`.",
].join(" ");

const ingest = (path: (typeof INGEST_PATHS)[number]) =>
  guarded(["ingest"], {
    method: "post",
    path,
    tags: TAGS,
    summary: "Bring mail",
    description: DESCRIPTION,
    // By name: what is registered is shown, and checked item by item.
    request: { body: { required: true, content: { "application/json": { schema: { $ref: "#/components/schemas/IngestRequest" } } } } },
    responses: {
      200: json("What was decided", Result),
      ...problems({
        400: "Not JSON",
        404: "No such recipient",
        413: "Too large",
        415: "Neither JSON nor `message/rfc822`",
        422: "Not a message",
        429: "Too many requests of this key at once",
      }),
    },
  });

/** PB-07, PB-08, MH-19: mail that a bridge brings. Every answer but a refusal of the request comes from a recorded decision. */
export function ingestRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openAPIRegistry.register("IngestRequest", IngestRequest);
  const requests = createWaiters(REQUESTS.perKey, REQUESTS.inAll);
  const takeIn = createTakeIn(deps);
  for (const path of INGEST_PATHS) {
    app.openapi(ingest(path), async (c) => {
      const caller = currentCaller(c);
      using _ = requests.enter(caller.key);
      const { batch, given } = await readIngest(c);
      await checkSpace(deps);
      const gone = AbortSignal.any([c.req.raw.signal, ...(deps.closing === undefined ? [] : [deps.closing])]);
      const items = await takeAll(deps, takeIn, caller, given, gone);
      const [only, ...others] = items[0] ?? [];
      if (batch || only === undefined || others.length > 0) return c.json(listed(items), 200);
      return c.json(alone(only), 200);
    });
  }
  return app;
}

async function checkSpace({ freeBytes, intake }: HttpDeps): Promise<void> {
  const free = await freeBytes().catch(() => 0);
  if (free >= 1.5 * intake.size) return;
  throw new PosternError("unavailable", "there is not enough storage", { temporary: true, fix: "try again later" });
}

/** In order; so many at once. What a peer that is gone, or our own end, leaves undone is not begun. */
async function takeAll(
  deps: HttpDeps,
  takeIn: TakeIn,
  caller: Caller,
  given: readonly Given[],
  gone: AbortSignal,
): Promise<readonly (readonly Taking[])[]> {
  const end = performance.now() + REQUEST_MS;
  const takings: (readonly Taking[])[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = given[next]; item !== undefined; item = given[next]) {
      const index = next++;
      const left = gone.aborted ? 0 : Math.min(deps.intake.answerMs, end - performance.now());
      takings[index] = left > 0 ? await takeOne(deps, takeIn, caller, item, left) : [failed(NOT_BEGUN)];
    }
  };
  await Promise.all(Array.from({ length: Math.min(WIDTH, given.length) }, worker));
  return takings;
}

/** Never rejects: one bad item fails itself. */
async function takeOne(deps: HttpDeps, takeIn: TakeIn, caller: Caller, item: Given, answerMs: number): Promise<readonly Taking[]> {
  try {
    return await takeIn(caller, letterOf(caller, item), answerMs);
  } catch (error) {
    if (error instanceof PosternError) return [failed(error)];
    deps.log.error({ fault: faultCode(error) }, "an item could not be ingested");
    return [failed(new PosternError("internal", "the item failed on our side", { fix: "send it again" }))];
  }
}

const NOT_BEGUN = new PosternError("unavailable", "there was no time left for this item", {
  temporary: true,
  fix: "send it again, in a smaller batch",
});

function failed(error: PosternError): Taking {
  return { kind: "failed", to: null, error };
}

function listed(items: readonly (readonly Taking[])[]): z.infer<typeof IngestedItems> {
  return { items: items.flatMap((takings, index) => takings.map((taking) => ({ index, ...resultOf(taking) }))) };
}

/** PB-07: the status says what came of it; a caller that looks at nothing else must not take a deferral for an acceptance. */
function alone(taking: Taking): z.infer<typeof Ingested> {
  if (taking.kind === "failed") throw taking.error;
  if (taking.outcome === "deferred") {
    throw new PosternError("unavailable", "the message cannot be decided on now", {
      temporary: true,
      fix: "send it again: the same bytes are the same message",
    });
  }
  return ingested(taking);
}

function resultOf(taking: Taking): z.infer<typeof Ingested> | z.infer<typeof Failed> {
  return taking.kind === "judged" ? ingested(taking) : failure(taking.to, taking.error);
}

function ingested({ to, message, agent_id, outcome, decision }: Extract<Taking, { kind: "judged" }>): z.infer<typeof Ingested> {
  return { to, id: message, agent_id, injection_score: null, quarantined: outcome === "quarantined", outcome, decision_id: decision };
}

function failure(to: string | null, { code, message, fix, problems: errors }: PosternError): z.infer<typeof Failed> {
  const error = { status: statusOf(code), code, detail: message };
  return { to, error: { ...error, ...(fix === undefined ? {} : { fix }), ...(errors.length === 0 ? {} : { errors: [...errors] }) } };
}
