import { OpenAPIHono, z } from "@hono/zod-openapi";
import { makeKey, type AccessKey } from "../grants/key.ts";
import { PosternError } from "../model/errors.ts";
import { isId, makeId, type MailboxId } from "../model/ids.ts";
import { SCOPES, type KeyRow, type NewKey, type Scope } from "../store/contract.ts";
import { currentCaller, unbound, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { mailboxOf } from "./mailboxes.ts";
import { pageOf, PageQuery, present, timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { body, guarded, json, problems } from "./route.ts";

const TAGS = ["Keys and tenants"];

const KeyRequest = z
  .strictObject({
    name: z.string().min(1).max(128).openapi({ description: "For people; shown in lists." }),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).openapi({ description: "`send` and `oversight` never go together." }),
    mailboxes: z.array(z.string().max(80)).min(1).max(1000).optional().openapi({ description: "Left out: all mailboxes of the tenant." }),
    attest: z.boolean().default(false).openapi({
      description: "Of a key that ingests: believed about where mail came from and what was verified of it. Only for a bridge you run.",
    }),
  })
  .openapi("NewKey", { example: { name: "the assistant", scopes: ["read"], mailboxes: ["mbx_7w3v9k2m5q8r1t4x6z0b2d4f"] } });

const keyShape = {
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  mailboxes: z.array(z.string()).nullable(),
  attest: z.boolean(),
  masked: z.string(),
  created_at: z.string(),
};

const KEY_EXAMPLE = {
  id: "key_2n4p6r8t0v1x3z5b7d9f1h3k",
  name: "the assistant",
  scopes: ["read" as const],
  mailboxes: ["mbx_7w3v9k2m5q8r1t4x6z0b2d4f"],
  attest: false,
  masked: "pst_live_…xyz",
  created_at: "2026-11-21T10:00:00.000Z",
};

const Key = z
  .object({ ...keyShape, key: z.string().openapi({ description: "Shown this once." }) })
  .openapi("Key", { example: { ...KEY_EXAMPLE, key: "pst_live_0123456789abcdefghjkmnpqrstvwxyz" } });

const ListedKey = z
  .object({ ...keyShape, revoked_at: z.string().nullable() })
  .openapi("ListedKey", { example: { ...KEY_EXAMPLE, revoked_at: null } });

const create = guarded(["admin"], {
  method: "post",
  path: "/v1/keys",
  tags: TAGS,
  summary: "Make a key",
  description:
    "An agent's key has the scope `read` and the agent's mailboxes. A key that is bound to mailboxes makes only keys bound to them.",
  request: { body: body(KeyRequest) },
  responses: { 201: json("The key, shown this once", Key), ...problems({ 404: "No such mailbox", 422: "`send` with `oversight`" }) },
});

const list = guarded(["admin"], {
  method: "get",
  path: "/v1/keys",
  tags: TAGS,
  summary: "List keys",
  description: "All of the tenant, revoked ones too; never a key itself.",
  request: { query: PageQuery },
  responses: { 200: json("Newest first", pageOf("KeyPage", ListedKey)), ...problems({ 422: "Bad query" }) },
});

const revoke = guarded(["admin"], {
  method: "delete",
  path: "/v1/keys/{id}",
  tags: TAGS,
  summary: "Revoke a key",
  description: "From the next request on it is not known. Revoking twice is fine.",
  request: { params: z.object({ id: z.string().max(80).openapi({ example: "key_2n4p6r8t0v1x3z5b7d9f1h3k" }) }) },
  responses: { 204: { description: "Revoked" }, ...problems({ 404: "No such key" }) },
});

/** Access keys of the caller's tenant. */
export function keyRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(create, async (c) => {
    const caller = currentCaller(c);
    const { name, scopes, mailboxes, attest } = c.req.valid("json");
    const made = makeKey(deps.random);
    const granted = { scopes: grantable(caller, scopes), attest: attestable(scopes, attest) };
    const row = newKey(deps, caller, made, { name, ...granted, mailboxes: await boundTo(deps, caller, mailboxes) });
    return c.json(keyJson(await deps.store.run("keys.create", row), made.key), 201);
  });
  app.openapi(list, async (c) => {
    const { tenant } = unbound(currentCaller(c));
    const page = await deps.store.run("keys.list", { tenant, ...present(c.req.valid("query")) });
    return c.json({ items: page.items.map(listedJson), next_cursor: page.next_cursor }, 200);
  });
  app.openapi(revoke, async (c) => {
    const { tenant } = unbound(currentCaller(c));
    const { id } = c.req.valid("param");
    const revoked = isId("key", id) ? await deps.store.run("keys.revoke", { tenant, id, at: deps.clock() }) : null;
    if (revoked === null) throw notFound("key");
    return c.body(null, 204);
  });
  return app;
}

function newKey(deps: HttpDeps, caller: Caller, made: AccessKey, wanted: Pick<NewKey, "name" | "scopes" | "mailboxes" | "attest">): NewKey {
  const { hash, masked } = made;
  return { id: makeId("key", deps.random(16)), tenant: caller.tenant, ...wanted, masked, created_at: deps.clock(), hash };
}

/** nobody approves what they may write. And nobody hands out operation of the instance who does not have it. */
function grantable(caller: Caller, scopes: readonly Scope[]): readonly Scope[] {
  const wanted = new Set(scopes);
  if (wanted.has("send") && wanted.has("oversight")) throw sendWithOversight();
  if (wanted.has("operator") && !caller.key.scopes.includes("operator")) {
    throw new PosternError("forbidden", "only an operator's key makes operator keys");
  }
  return [...wanted];
}

/** On no other key, so that nobody wonders what it means there. */
function attestable(scopes: readonly Scope[], attest: boolean): boolean {
  if (!attest || scopes.includes("ingest")) return attest;
  throw new PosternError("invalid_request", "`attest` is for keys with the scope `ingest`", {
    fix: "add the scope `ingest`, or leave `attest` out",
    problems: [{ path: "attest", message: "needs the scope `ingest`" }],
  });
}

/** Of the caller's own at most; each must be there. */
async function boundTo(deps: HttpDeps, caller: Caller, ids: readonly string[] | undefined): Promise<readonly MailboxId[] | null> {
  if (ids === undefined) return caller.key.mailboxes;
  const rows = await Promise.all([...new Set(ids)].map((id) => mailboxOf(deps, caller, id)));
  return rows.map((row) => row.id);
}

function sendWithOversight(): PosternError {
  return new PosternError("invalid_request", "`send` and `oversight` cannot be on one key", {
    fix: "make two keys: one writes, another approves",
    problems: [{ path: "scopes", message: "`send` and `oversight` exclude each other" }],
  });
}

function keyJson(row: KeyRow, key: string): z.infer<typeof Key> {
  return { ...shownJson(row), key };
}

function listedJson(row: KeyRow): z.infer<typeof ListedKey> {
  return { ...shownJson(row), revoked_at: row.revoked_at === null ? null : timeOf(row.revoked_at) };
}

function shownJson(row: KeyRow): Omit<z.infer<typeof Key>, "key"> {
  return {
    id: row.id,
    name: row.name,
    scopes: [...row.scopes],
    mailboxes: row.mailboxes === null ? null : [...row.mailboxes],
    attest: row.attest,
    masked: row.masked,
    created_at: timeOf(row.created_at),
  };
}
