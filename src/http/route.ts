import { createRoute, type RouteConfig } from "@hono/zod-openapi";
import type { z } from "@hono/zod-openapi";
import type { Scope } from "../store/contract.ts";
import { requires } from "./auth.ts";
import { ProblemBody } from "./problem.ts";

/** Problems any route with a key can answer. */
const COMMON_PROBLEMS = { 401: "No key, or one that is not known", 403: "The key lacks a scope or capability", 503: "Try again" } as const;

/** Name of the security scheme in the OpenAPI document. */
export const BEARER_SCHEME = "key";

/** One route as the OpenAPI document shows it, with the scopes that admit a key (any of them) and who checks that. */
export function guarded<P extends string, const R extends Omit<RouteConfig, "path" | "middleware" | "security"> & { path: P }>(
  scopes: readonly Scope[],
  route: R,
) {
  return createRoute({
    ...route,
    security: [{ [BEARER_SCHEME]: [...scopes] }],
    middleware: requires(scopes),
    responses: { ...problems(COMMON_PROBLEMS), ...route.responses },
  });
}

/** A JSON answer or body with its schema. */
export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** A required JSON body. */
export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } } as const;
}

/** Problem answers by status. Their type is left out on purpose: routes throw, and one place answers. */
export function problems(descriptions: Readonly<Record<number, string>>): Record<never, never> {
  const answers = Object.entries(descriptions).map(([status, description]) => [
    status,
    { description, content: { "application/problem+json": { schema: ProblemBody } } },
  ]);
  return Object.fromEntries(answers) as Record<never, never>;
}
