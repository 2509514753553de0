import { OpenAPIHono, createRoute, z } from "@hono/zod-openapi";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { json } from "./route.ts";

const TAGS = ["Operation"];
/** A dependency that does not answer within this is not ready. */
const PROBE_MS = 2_000;

const Health = z
  .object({ status: z.literal("ok"), version: z.string() })
  .openapi("Health", { example: { status: "ok", version: "0.1.0" } });

const CheckResult = z.enum(["ok", "unreachable"]);
const Readiness = z
  .object({ status: z.enum(["ready", "not_ready"]), checks: z.object({ store: CheckResult, temporal: CheckResult }) })
  .openapi("Readiness", { example: { status: "ready", checks: { store: "ok", temporal: "ok" } } });

const healthz = createRoute({
  method: "get",
  path: "/healthz",
  tags: TAGS,
  summary: "The process answers",
  security: [],
  responses: { 200: json("It does", Health) },
});

const readyz = createRoute({
  method: "get",
  path: "/readyz",
  tags: TAGS,
  summary: "Mail can be taken",
  description: "Store and Temporal answer. Says nothing about either but that.",
  security: [],
  responses: { 200: json("Ready", Readiness), 503: json("Not ready", Readiness) },
});

const metrics = createRoute({
  method: "get",
  path: "/metrics",
  tags: TAGS,
  summary: "Figures for Prometheus",
  description: "Open, like the probes: no label names a tenant, an address or an id. Keep the port from the public.",
  security: [],
  responses: {
    200: {
      description: "Text exposition format",
      content: { "text/plain": { schema: z.string().openapi({ example: "postern_http_requests_total{…} 1\n" }) } },
    },
  },
});

/** What a supervisor and a monitor ask. Without a key. */
export function probeRoutes(deps: Pick<HttpDeps, "store" | "gate" | "metrics" | "version">): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(healthz, (c) => c.json({ status: "ok" as const, version: deps.version }, 200));
  app.openapi(readyz, async (c) => {
    const [store, temporal] = await Promise.all([probe(deps.store.run("store.ping", {})), probe(deps.gate.ping())]);
    const ready = store === "ok" && temporal === "ok";
    return c.json({ status: ready ? ("ready" as const) : ("not_ready" as const), checks: { store, temporal } }, ready ? 200 : 503);
  });
  app.openapi(metrics, async (c) => c.text(await deps.metrics.metrics(), 200, { "content-type": deps.metrics.contentType }));
  return app;
}

async function probe(answer: Promise<unknown>): Promise<z.infer<typeof CheckResult>> {
  const { promise: late, resolve } = Promise.withResolvers<"unreachable">();
  const timer = setTimeout(resolve, PROBE_MS, "unreachable");
  const first = await Promise.race([answer.then(() => "ok" as const).catch(() => "unreachable" as const), late]);
  clearTimeout(timer);
  return first;
}
