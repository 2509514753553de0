import { OpenAPIHono } from "@hono/zod-openapi";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { answerError, answerUnknownRoute } from "./problem.ts";
import { probeRoutes } from "./probes.ts";

/** What a process without doors answers. */
export function createProbeApp(deps: Pick<HttpDeps, "store" | "gate" | "metrics" | "version" | "log">): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.route("/", probeRoutes(deps));
  app.notFound((c) => answerUnknownRoute(c, []));
  app.onError(answerError(deps.log));
  return app;
}
