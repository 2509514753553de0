import type { OpenAPIHono } from "@hono/zod-openapi";
import type { HttpEnv } from "./deps.ts";
import { BEARER_SCHEME } from "./route.ts";

export type OpenApiDocument = ReturnType<OpenAPIHono<HttpEnv>["getOpenAPI31Document"]>;

const DESCRIPTION = [
  "The mail gate for AI agents.",
  "Every inbound message is verified, judged by the mailbox's policy, budgeted and only then delivered.",
  "What agents write is screened, shown to people where the mailbox says so, and leaves once.",
  "Times are RFC 3339 in UTC. Lists are newest first. Errors are RFC 9457 problems with a stable `code` and a `fix`.",
  "Another tenant's object is a 404.",
].join(" ");

const TAGS = [
  { name: "Messages", description: "What was delivered: wait, list, read." },
  { name: "Drafts", description: "What agents write: submit, follow, cancel." },
  { name: "Approvals", description: "What waits for people, and what they say to it." },
  { name: "Oversight", description: "How much people see and decide, and the kill switch." },
  { name: "Suppressions", description: "Whom nobody writes to." },
  { name: "Sandbox", description: "What would have left, where there is no relay." },
  { name: "Mailboxes", description: "Agents' mailboxes and their addresses." },
  { name: "Webhooks", description: "Where mail is pushed to, and what became of each delivery." },
  { name: "Domains", description: "Whose domains they are, and the keys their mail is signed with." },
  { name: "Policies", description: "What a mailbox lets in." },
  { name: "Decisions", description: "What was decided, why, and what people decide." },
  { name: "Audit", description: "What was done, by whom: the record that is only appended to." },
  { name: "Grants", description: "Whether an agent may do what it is about to do." },
  { name: "Keys and tenants", description: "Who may do what." },
  { name: "Operation", description: "For supervisors and monitors." },
];

/** The OpenAPI 3.1 document of an app: from the same schemas that its requests are checked with. */
export function describe(app: OpenAPIHono<HttpEnv>, version: string, publicUrl: string): OpenApiDocument {
  app.openAPIRegistry.registerComponent("securitySchemes", BEARER_SCHEME, {
    type: "http",
    scheme: "bearer",
    description: "A key `pst_live_…` from `POST /v1/keys`. Any one of the listed scopes admits it.",
  });
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Postern", version, description: DESCRIPTION, license: { name: "Apache-2.0" } },
    servers: [{ url: publicUrl }],
    tags: TAGS,
  });
}
