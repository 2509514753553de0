import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { placesOf, type Place, type Schema } from "../../src/http/docs-page.ts";
import type { OpenApiDocument } from "../../src/http/document.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let document: OpenApiDocument;
let places: readonly Place[];
beforeAll(async () => {
  rig = await startRig();
  document = (await rig.call("GET", "/openapi.json", { key: null })).body as OpenApiDocument;
  places = placesOf(document);
});
afterAll(() => rig.stop());

/** Every route the product promises; the document has these and no others. */
const ROUTES = `
DELETE /v1/drafts/{id}
DELETE /v1/keys/{id}
DELETE /v1/suppressions/{id}
DELETE /v1/webhooks/{id}
GET /.well-known/jwks.json
GET /.well-known/multimail-signing-key
GET /.well-known/postern-signing-key
GET /docs
GET /healthz
GET /metrics
GET /openapi.json
GET /readyz
GET /v1/audit
GET /v1/decisions/{id}/explain
GET /v1/domains
GET /v1/domains/{domain}
GET /v1/drafts/{id}
GET /v1/keys
GET /v1/mailboxes
GET /v1/mailboxes/{id}
GET /v1/mailboxes/{id}/decisions
GET /v1/mailboxes/{id}/deliveries
GET /v1/mailboxes/{id}/drafts
GET /v1/mailboxes/{id}/messages
GET /v1/mailboxes/{id}/policy
GET /v1/mailboxes/{id}/stream
GET /v1/mailboxes/{id}/wait
GET /v1/messages/{id}
GET /v1/messages/{id}/raw
GET /v1/pending
GET /v1/pending/{id}
GET /v1/sink
GET /v1/sink/{id}
GET /v1/sink/{id}/raw
GET /v1/stops
GET /v1/suppressions
GET /v1/webhooks
GET /v1/webhooks/{id}
GET /v1/webhooks/{id}/deliveries
PATCH /v1/mailboxes/{id}
POST /alloc
POST /api/domains/add
POST /api/domains/{domain}/verify
POST /ingest
POST /postbox/alloc
POST /postbox/webhook/register
POST /postbox/webhook/rotate
POST /v1/agents/{agent_id}/start
POST /v1/agents/{agent_id}/stop
POST /v1/domains
POST /v1/domains/{domain}/activate
POST /v1/domains/{domain}/rotate
POST /v1/domains/{domain}/verify
POST /v1/grants/check
POST /v1/ingest
POST /v1/keys
POST /v1/mailboxes
POST /v1/mailboxes/{id}/aliases
POST /v1/mailboxes/{id}/decide/{email_id}
POST /v1/mailboxes/{id}/deliveries/{delivery}/replay
POST /v1/mailboxes/{id}/mode-code
POST /v1/mailboxes/{id}/send
POST /v1/mailboxes/{id}/start
POST /v1/mailboxes/{id}/stop
POST /v1/messages/{id}/discard
POST /v1/messages/{id}/release
POST /v1/messages/{id}/reply
POST /v1/messages/{id}/usage
POST /v1/oversight/decide
POST /v1/pending/decide
POST /v1/pending/{id}/edit
POST /v1/pending/{id}/token
POST /v1/start
POST /v1/stop
POST /v1/suppressions
POST /v1/tenants
POST /v1/webhooks
POST /v1/webhooks/{id}/deliveries/{delivery}/replay
POST /v1/webhooks/{id}/rotate
POST /v1/webhooks/{id}/test
POST /webhook/register
POST /webhook/rotate
PUT /v1/mailboxes/{id}/policy`
  .trim()
  .split("\n");

const nameOf = ({ method, path }: Place) => `${method} ${path}`;

describe("the OpenAPI document", () => {
  it("describes every route and no other", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(places.map(nameOf).sort()).toEqual([...ROUTES].sort());
  });

  it("resolves every reference within itself", () => {
    const names = new Set(Object.keys(document.components?.schemas ?? {}));
    for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) expect(names).toContain(name);
    expect(JSON.stringify(document)).not.toMatch(/"\$ref":"(?!#\/components\/schemas\/)/);
  });

  it("names the parameters of every path, and gives each route summary, group and answer", () => {
    const groups = new Set(document.tags?.map((tag) => tag.name));
    for (const place of places) {
      const declared = (place.operation.parameters ?? []).filter((parameter) => parameter.in === "path").map((parameter) => parameter.name);
      expect(declared, nameOf(place)).toEqual([...place.path.matchAll(/{(\w+)}/g)].map(([, name]) => name));
      expect(place.operation.summary, nameOf(place)).toBeTruthy();
      expect(groups, nameOf(place)).toContain(place.operation.tags?.[0]);
      expect(
        Object.keys(place.operation.responses ?? {}).some((status) => status.startsWith("2")),
        nameOf(place),
      ).toBe(true);
    }
  });

  it("gives every body, in and out, an example that fits its schema", () => {
    for (const place of places) {
      const { requestBody, responses = {} } = place.operation;
      const contents = [requestBody?.content, ...Object.values(responses).map((response) => response.content)];
      for (const [type, { schema }] of contents.flatMap((content) => Object.entries(content ?? {}))) {
        const example = exampleOf(resolved(schema ?? {}));
        expect(example, `${nameOf(place)} ${type}`).toBeDefined();
        const checked = z.fromJSONSchema(inlined(schema ?? {}) as never).safeParse(example);
        expect(checked.error?.issues ?? [], `${nameOf(place)} ${type}`).toEqual([]);
      }
    }
  });

  it("says which scopes admit, by one scheme", () => {
    expect(document.components?.securitySchemes).toMatchObject({ key: { type: "http", scheme: "bearer" } });
    for (const place of places) {
      const open =
        ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"].includes(place.path) || place.path.startsWith("/.well-known/");
      expect((place.operation.security ?? []).length === 0, nameOf(place)).toBe(open);
    }
  });

  it("example requests of the document are accepted as they stand", async () => {
    for (const place of places) {
      const example = exampleOf(resolved(place.operation.requestBody?.content?.["application/json"]?.schema ?? {}));
      if (example === undefined || place.path.includes("{id}")) continue;
      const { status } = await rig.call(place.method, place.path, { body: example });
      expect([200, 201, 403, 404, 409], `${nameOf(place)}: ${status}`).toContain(status);
    }
  });

  function resolved(schema: Schema): Schema {
    const name = schema.$ref?.slice("#/components/schemas/".length);
    return name === undefined ? schema : (document.components?.schemas?.[name] as Schema);
  }

  /** The schema's own example, or one put together from those of its parts. */
  function exampleOf(schema: Schema): unknown {
    if (schema.example !== undefined) return schema.example;
    if (schema.items !== undefined) return [exampleOf(resolved(schema.items))];
    if (schema.properties === undefined) return schema.enum?.[0];
    const parts = Object.entries(schema.properties).map(([name, field]) => [name, exampleOf(resolved(field)) ?? plain(field)]);
    return Object.fromEntries(parts.filter(([, value]) => value !== undefined));
  }

  function plain({ type }: Schema): unknown {
    return { string: "text", integer: 1, boolean: true }[String(type)];
  }

  /** With the components where JSON Schema looks for them. */
  function inlined(schema: Schema): unknown {
    const text = JSON.stringify({ ...schema, $defs: document.components?.schemas }).replaceAll("#/components/schemas/", "#/$defs/");
    return JSON.parse(text);
  }
});

describe("the page for people", () => {
  it("shows every route with a command to copy, from one self-contained answer", async () => {
    const { text, headers } = await rig.call("GET", "/docs", { key: null });
    expect(headers.get("content-type")).toContain("text/html");
    for (const place of places) expect(text, nameOf(place)).toContain(`<b>${place.method}</b> <code>${place.path}</code>`);
    expect(text.match(/curl -sS/g)).toHaveLength(places.length);
    expect(text).not.toMatch(/<script|src=|@import|javascript:/i);
    for (const [, target] of text.matchAll(/href="([^"]+)"/g)) expect(target).toMatch(/^(#|\/openapi\.json$)/);
    const anchors = new Set([...text.matchAll(/id="([^"]+)"/g)].map(([, id]) => id));
    for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) expect(anchors).toContain(target);
  });

  it("the policy of the page admits its one style and nothing else", async () => {
    const { text, headers } = await rig.call("GET", "/docs", { key: null });
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? "";
    const hash = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style))).toString("base64");
    expect(headers.get("content-security-policy")).toContain(`style-src 'sha256-${hash}'`);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  });
});
