import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { parsePolicy, policyDigest, warnings } from "../../policies/load.ts";
import { PosternError } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import { currentCaller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { timeOf } from "./paging.ts";
import { notFound, unsupportedMediaType } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";
import { Warnings } from "./warnings.ts";

const TAGS = ["Policies"];

const EXAMPLE = {
  defaultAction: "bounce",
  senders: [{ match: { address: "boss@acme.example", requireDkim: true }, capabilities: ["read_calendar"], rateLimit: { perHour: 20 } }],
  contentGuards: [{ reject: "/ignore (previous|all) instructions/i", reason: "prompt_injection_suspected" }],
  auditLog: { retentionDays: 90, includeBodyHash: true },
};

const pinShape = {
  id: z.string().openapi({ example: "pol_8s0v2x4z6b8d0f2h4k6m8p0r" }),
  version: z.int().openapi({ example: 3 }),
  digest: z.string().openapi({ example: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" }),
};

const Applied = z
  .object({
    ...pinShape,
    created: z.boolean().openapi({ description: "False: the same document was in force already." }),
    warnings: Warnings,
  })
  .openapi("PolicyApplied");

const InForce = z
  .object({
    ...pinShape,
    document: z.looseObject({}).openapi({ example: EXAMPLE }),
    warnings: Warnings,
    created_at: z.string(),
    actor: z.string(),
  })
  .openapi("PolicyInForce");

const put = guarded(["admin"], {
  method: "put",
  path: "/v1/mailboxes/{id}/policy",
  tags: TAGS,
  summary: "Put a policy in force",
  description: "JSON or YAML. The next message is judged by it. A document that is in force already adds no version.",
  request: {
    params: MailboxPath,
    // Not a zod schema: the policy's own parser checks it and names the place of every error.
    body: {
      required: true,
      content: {
        "application/json": { schema: { type: "object" as const, description: "See the policy reference.", example: EXAMPLE } },
        "application/yaml": { schema: { type: "string" as const, example: "defaultAction: bounce\nsenders: []\n" } },
      },
    },
  },
  responses: {
    200: json("In force", Applied),
    ...problems({ 404: "No such mailbox", 415: "Neither JSON nor YAML", 422: "Not JSON, not YAML or not a policy: see `errors`" }),
  },
});

const get = guarded(["oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}/policy",
  tags: TAGS,
  summary: "Show the policy in force",
  description: "Not for agents' keys: an agent must not know its thresholds.",
  request: { params: MailboxPath },
  responses: { 200: json("The newest version", InForce), ...problems({ 404: "No such mailbox, or no policy yet" }) },
});

/** What a mailbox lets in (MB-01). */
export function policyRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(put, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    const policy = parsePolicy(await c.req.text(), formatOf(c));
    const document = { id: makeId("pol", deps.random(16)), digest: policyDigest(policy), document: JSON.stringify(policy) };
    const row = await deps.store.run("policies.put", {
      tenant: caller.tenant,
      mailbox: mailbox.id,
      ...document,
      at: deps.clock(),
      actor: caller.actor,
    });
    if (row === null) throw notFound("mailbox");
    const { id, version, digest, created } = row;
    return c.json({ id, version, digest, created, warnings: warningsOf(policy) }, 200);
  });
  app.openapi(get, async (c) => {
    const { tenant, id: mailbox } = await mailboxOf(deps, currentCaller(c), c.req.valid("param").id);
    const row = await deps.store.run("policies.current", { tenant, mailbox });
    if (row === null)
      throw new PosternError("not_found", "the mailbox has no policy yet", { fix: "apply one with `PUT /v1/mailboxes/{id}/policy`" });
    const { id, version, digest, actor, created_at } = row;
    const policy = parsePolicy(row.document, "json");
    return c.json(
      {
        id,
        version,
        digest,
        document: JSON.parse(row.document) as object,
        warnings: warningsOf(policy),
        created_at: timeOf(created_at),
        actor,
      },
      200,
    );
  });
  return app;
}

function warningsOf(policy: ReturnType<typeof parsePolicy>): z.infer<typeof Warnings> {
  return warnings(policy).map(({ path, message }) => ({ path, message }));
}

function formatOf(c: Context<HttpEnv>): "json" | "yaml" {
  const type = (c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") return "json";
  if (type === "application/yaml" || type === "application/x-yaml" || type === "text/yaml") return "yaml";
  throw unsupportedMediaType();
}
