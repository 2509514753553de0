import { createHash } from "node:crypto";
import { type OpenAPIHono, createRoute, z } from "@hono/zod-openapi";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { docsPage, DOCS_STYLE } from "./docs-page.ts";
import { describe, type OpenApiDocument } from "./document.ts";

const TAGS = ["Operation"];

const openapiRoute = createRoute({
  method: "get",
  path: "/openapi.json",
  tags: TAGS,
  summary: "This description",
  security: [],
  responses: {
    200: {
      description: "OpenAPI 3.1",
      content: {
        "application/json": { schema: z.looseObject({ openapi: z.string() }).openapi("OpenApi", { example: { openapi: "3.1.0" } }) },
      },
    },
  },
});

const docsRoute = createRoute({
  method: "get",
  path: "/docs",
  tags: TAGS,
  summary: "This description, for people",
  security: [],
  responses: { 200: { description: "A page", content: { "text/html": { schema: z.string().openapi({ example: "<!doctype html>…" }) } } } },
});

/** The page has no script and one style, named by its hash: whatever text might slip in can do nothing. */
const DOCS_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(DOCS_STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Adds both routes to `app` and returns the description of all of its routes: call it last. */
export function addDocs(app: OpenAPIHono<HttpEnv>, { version, publicUrl }: HttpDeps): OpenApiDocument {
  app.openAPIRegistry.registerPath(openapiRoute);
  app.openAPIRegistry.registerPath(docsRoute);
  const document = describe(app, version, publicUrl);
  const text = JSON.stringify(document);
  const page = String(docsPage(document));
  app.get(openapiRoute.path, (c) => c.body(text, 200, { "content-type": "application/json" }));
  app.get(docsRoute.path, (c) => c.html(page, 200, { "content-security-policy": DOCS_POLICY }));
  return document;
}
