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

/** Adds both routes to `app`. They describe all of its routes when somebody asks: that takes as long as all the rest of a start. */
export function addDocs(app: OpenAPIHono<HttpEnv>, { version, publicUrl }: HttpDeps): void {
  app.openAPIRegistry.registerPath(openapiRoute);
  app.openAPIRegistry.registerPath(docsRoute);
  let made: Docs | undefined;
  const docs = (): Docs => (made ??= makeDocs(describe(app, version, publicUrl)));
  app.get(openapiRoute.path, (c) => c.body(docs().text, 200, { "content-type": "application/json" }));
  app.get(docsRoute.path, (c) => c.html(docs().page, 200, { "content-security-policy": DOCS_POLICY }));
}

interface Docs {
  readonly text: string;
  readonly page: string;
}

function makeDocs(document: OpenApiDocument): Docs {
  return { text: JSON.stringify(document), page: String(docsPage(document)) };
}
