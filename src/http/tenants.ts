import { OpenAPIHono, z } from "@hono/zod-openapi";
import { makeKey, type AccessKey } from "../grants/key.ts";
import { PosternError } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import type { KeyRow, TenantRow } from "../store/contract.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { timeOf } from "./paging.ts";
import { body, guarded, json, problems } from "./route.ts";

const Tenant = z
  .object({
    id: z.string(),
    name: z.string(),
    created_at: z.string(),
    admin_key: z.object({ id: z.string(), key: z.string().openapi({ description: "Shown this once." }) }),
  })
  .openapi("Tenant", {
    example: {
      id: "ten_4q6s8v0x2z4b6d8f0h2k4m6p",
      name: "acme",
      created_at: "2026-11-21T10:00:00.000Z",
      admin_key: { id: "key_2n4p6r8t0v1x3z5b7d9f1h3k", key: "pst_live_0123456789abcdefghjkmnpqrstvwxyz" },
    },
  });

const create = guarded(["operator"], {
  method: "post",
  path: "/v1/tenants",
  tags: ["Keys and tenants"],
  summary: "Make a tenant",
  description:
    "With its first key (scopes `read`, `oversight`, `admin`). Nothing crosses tenants: not even the operator's key sees into it.",
  request: { body: body(z.strictObject({ name: z.string().min(1).max(128).openapi({ example: "acme" }) }).openapi("NewTenant")) },
  responses: { 201: json("The tenant and its first key", Tenant), ...problems({ 409: "The name is taken" }) },
});

/** For the operator of the instance. */
export function tenantRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(create, async (c) => {
    const tenant = await createTenant(deps, c.req.valid("json").name);
    const made = makeKey(deps.random);
    const { id } = await createAdminKey(deps, tenant, made);
    return c.json({ id: tenant.id, name: tenant.name, created_at: timeOf(tenant.created_at), admin_key: { id, key: made.key } }, 201);
  });
  return app;
}

async function createTenant({ store, random, clock }: HttpDeps, name: string): Promise<TenantRow> {
  const made = await store.run("tenants.create", { id: makeId("ten", random(16)), name, at: clock() });
  if (!("conflict" in made)) return made;
  throw new PosternError("conflict", "a tenant of this name is there already", { fix: "choose another name" });
}

function createAdminKey({ store, random, clock }: HttpDeps, tenant: TenantRow, made: AccessKey): Promise<KeyRow> {
  const { hash, masked } = made;
  const name = "first admin key";
  const id = makeId("key", random(16));
  const scopes = ["read", "oversight", "admin"] as const;
  return store.run("keys.create", { id, tenant: tenant.id, name, scopes, mailboxes: null, masked, created_at: clock(), hash });
}
