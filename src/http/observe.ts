import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { Counter, Histogram, type Registry } from "prom-client";
import { crockford } from "../model/ids.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { keepHeaders, setHeaders } from "./harden.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * Names the request, counts it and logs one line about it. Always our own id: one from outside could carry anything
 * into the log. For the same reason the route's pattern stands for the path.
 */
export function observe(deps: HttpDeps): MiddlewareHandler<HttpEnv> {
  const record = recorder(deps.metrics);
  return async (c, next) => {
    const requestId = `req_${crockford(deps.random(10))}`;
    c.set("requestId", requestId);
    const named = { "x-request-id": requestId };
    setHeaders(c, named);
    const start = performance.now();
    await next();
    const seconds = (performance.now() - start) / 1000;
    keepHeaders(c, named);
    const facts = { method: METHODS.has(c.req.method) ? c.req.method : "OTHER", route: routeOf(routePath(c, -1)), status: c.res.status };
    record(facts, seconds);
    deps.log.info({ request_id: requestId, ...facts, ms: Math.round(seconds * 1000), key: c.get("caller")?.key.id }, "request");
  };
}

/** The last match of an unknown path is a middleware's `*`. */
function routeOf(pattern: string): string {
  return pattern.includes("*") ? "unknown" : pattern;
}

interface RequestFacts {
  readonly method: string;
  readonly route: string;
  readonly status: number;
}

function recorder(registry: Registry): (facts: RequestFacts, seconds: number) => void {
  const registers = [registry];
  const labelNames = ["method", "route", "status"] as const;
  const requests = new Counter({ name: "postern_http_requests_total", help: "Answered HTTP requests", labelNames, registers });
  const buckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];
  const duration = new Histogram({
    name: "postern_http_request_seconds",
    help: "Time to answer",
    labelNames: ["route"],
    buckets,
    registers,
  });
  return (facts, seconds) => {
    requests.inc({ ...facts, status: String(facts.status) });
    duration.observe({ route: facts.route }, seconds);
  };
}
