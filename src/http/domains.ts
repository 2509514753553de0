import { OpenAPIHono, z } from "@hono/zod-openapi";
import { makeDkimKey } from "../grants/dkim-key.ts";
import { foldDomain } from "../mail/address.ts";
import type { CheckedRecord } from "../mail/domain-check.ts";
import { dkimRecord, type DomainRecord } from "../mail/domain-records.ts";
import { PosternError } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import type { DomainRow } from "../store/contract-outbound.ts";
import { currentCaller, unbound, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { checkDomain, keyIn, stateAfter, statusOf } from "./domain-dns.ts";
import { Checked, checkedJson, Domain, domainJson } from "./domain-json.ts";
import { PageQuery, pageOf, present } from "./paging.ts";
import { notFound } from "./problem.ts";
import { body, guarded, json, problems } from "./route.ts";

const TAGS = ["Domains"];

const DomainPath = z.object({ domain: z.string().max(253).openapi({ example: "acme.example" }) });

const NewDomain = z
  .strictObject({ domain: z.string().min(1).max(253).openapi({ description: "International names in either form." }) })
  .openapi("NewDomain", { example: { domain: "acme.example" } });

const add = (path: "/v1/domains" | "/api/domains/add") =>
  guarded(["admin"], {
    method: "post",
    path,
    tags: TAGS,
    summary: "Claim a domain",
    description:
      "Makes its DKIM key and says which DNS records to publish. First come, first served within an instance; claiming again changes nothing.",
    request: { body: body(NewDomain) },
    responses: {
      200: json("Claimed before", Domain),
      201: json("Claimed", Domain),
      ...problems({ 409: "Taken", 422: "Not a domain name" }),
    },
  });

const list = guarded(["admin"], {
  method: "get",
  path: "/v1/domains",
  tags: TAGS,
  summary: "List the tenant's domains",
  request: { query: PageQuery },
  responses: { 200: json("Newest first", pageOf("DomainPage", Domain)), ...problems({ 422: "Bad query" }) },
});

const get = guarded(["admin"], {
  method: "get",
  path: "/v1/domains/{domain}",
  tags: TAGS,
  summary: "Show a domain and what it should publish",
  request: { params: DomainPath },
  responses: { 200: json("The domain", Domain), ...problems({ 404: "No such domain" }) },
});

const verify = (path: "/v1/domains/{domain}/verify" | "/api/domains/{domain}/verify") =>
  guarded(["admin"], {
    method: "post",
    path,
    tags: TAGS,
    summary: "Look at the domain's DNS records",
    description:
      "`verified` when DNS shows the key that signs, not before; `unverified` again when it shows another or none. SPF and DMARC are reported and decide nothing.",
    request: { params: DomainPath },
    responses: { 200: json("What was found", Checked), ...problems({ 404: "No such domain", 409: "Not claimed yet" }) },
  });

const rotate = guarded(["admin"], {
  method: "post",
  path: "/v1/domains/{domain}/rotate",
  tags: TAGS,
  summary: "Make the next DKIM key",
  description: "It signs nothing before it is activated. One that waits already stays the next one.",
  request: { params: DomainPath },
  responses: { 200: json("The domain with both keys' records", Domain), ...problems({ 404: "No such domain" }) },
});

const activate = guarded(["admin"], {
  method: "post",
  path: "/v1/domains/{domain}/activate",
  tags: TAGS,
  summary: "Sign with the next DKIM key",
  description: "Only once DNS shows it. Leave the old record published for a week: mail under way is signed with it.",
  request: { params: DomainPath },
  responses: { 200: json("The domain", Domain), ...problems({ 404: "No such domain", 409: "No next key, or DNS does not show it" }) },
});

/** Domains and their DKIM keys (MB-19, PB-01). */
export function domainRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const show = (row: DomainRow) => domainJson(row, deps.publicUrl);
  for (const path of ["/v1/domains", "/api/domains/add"] as const) {
    app.openapi(add(path), async (c) => {
      const caller = unbound(currentCaller(c));
      const name = claimable(c.req.valid("json").domain);
      const known = await deps.store.run("domains.get", { tenant: caller.tenant, domain: name });
      if (known !== null && known.state !== "local") return c.json(show(known), 200);
      return c.json(show(await claim(deps, caller, name)), 201);
    });
  }
  app.openapi(list, async (c) => {
    const { tenant } = unbound(currentCaller(c));
    const page = await deps.store.run("domains.list", { tenant, ...present(c.req.valid("query")) });
    return c.json({ items: page.items.map(show), next_cursor: page.next_cursor }, 200);
  });
  app.openapi(get, async (c) => c.json(show(await domainOf(deps, unbound(currentCaller(c)), c.req.valid("param").domain)), 200));
  for (const path of ["/v1/domains/{domain}/verify", "/api/domains/{domain}/verify"] as const) {
    app.openapi(verify(path), async (c) => {
      const caller = unbound(currentCaller(c));
      const row = await domainOf(deps, caller, c.req.valid("param").domain);
      const records = await checkDomain(deps, row);
      return c.json(checkedJson(await settle(deps, caller, row, records), records), 200);
    });
  }
  app.openapi(rotate, async (c) => {
    const caller = unbound(currentCaller(c));
    const row = await domainOf(deps, caller, c.req.valid("param").domain);
    return c.json(show(await addNext(deps, caller, row)), 200);
  });
  app.openapi(activate, async (c) => {
    const caller = unbound(currentCaller(c));
    const row = await domainOf(deps, caller, c.req.valid("param").domain);
    return c.json(show(await activateNext(deps, caller, row)), 200);
  });
  return app;
}

function claimable(text: string): string {
  const name = foldDomain(text);
  if (name?.includes(".") === true) return name;
  throw new PosternError("invalid_request", `\`${text.slice(0, 64)}\` is not a domain name`, {
    fix: "write it like `acme.example`",
    problems: [{ path: "domain", message: "must be a domain name with a dot, such as `acme.example`" }],
  });
}

/** The domain a path names; `not_found` as well when it is another tenant's. */
async function domainOf({ store }: HttpDeps, { tenant }: Caller, text: string): Promise<DomainRow> {
  const domain = foldDomain(text);
  const row = domain === null ? null : await store.run("domains.get", { tenant, domain });
  if (row === null) throw notFound("domain");
  return row;
}

async function claim(deps: HttpDeps, caller: Caller, domain: string): Promise<DomainRow> {
  const key = await makeDkimKey(deps.sealer, domain, deps.random);
  const id = makeId("dom", deps.random(16));
  const claimed = await deps.store.run("domains.claim", { tenant: caller.tenant, id, domain, at: deps.clock(), key, ...by(deps, caller) });
  if (!("conflict" in claimed)) return claimed;
  throw new PosternError("conflict", "the domain is taken", { fix: "choose another domain" });
}

async function addNext(deps: HttpDeps, caller: Caller, row: DomainRow): Promise<DomainRow> {
  if (keyIn(row, "next") !== null) return row;
  const key = await makeDkimKey(deps.sealer, row.domain, deps.random);
  const added = await deps.store.run("dkim.add", { tenant: caller.tenant, domain: row.domain, key, at: deps.clock(), ...by(deps, caller) });
  if (added === null) throw notFound("domain");
  return added;
}

async function settle(deps: HttpDeps, caller: Caller, row: DomainRow, records: readonly CheckedRecord[]): Promise<DomainRow> {
  const state = stateAfter(row, statusOf(records, keyIn(row, "active")));
  const change = { tenant: caller.tenant, domain: row.domain, state, at: deps.clock(), ...by(deps, caller) };
  return (await deps.store.run("domains.set_state", change)) ?? row;
}

async function activateNext(deps: HttpDeps, caller: Caller, row: DomainRow): Promise<DomainRow> {
  const next = keyIn(row, "next");
  if (next === null)
    throw new PosternError("conflict", "the domain has no next key", { fix: `make one with \`POST /v1/domains/${row.domain}/rotate\`` });
  const status = statusOf(await checkDomain(deps, row), next);
  if (status !== "ok") throw notPublished(dkimRecord(row.domain, next), status);
  const change = { tenant: caller.tenant, domain: row.domain, id: next.id, at: deps.clock(), ...by(deps, caller) };
  const activated = await deps.store.run("dkim.activate", change);
  if (activated === null) throw notFound("domain");
  return activated;
}

/** Mail signed with a key that nobody can look up would be refused everywhere. */
function notPublished({ name }: DomainRecord, status: CheckedRecord["status"] | null): PosternError {
  if (status === "unknown") {
    return new PosternError("unavailable", "DNS does not answer for the domain", { temporary: true, fix: "try again in a moment" });
  }
  return new PosternError("conflict", `DNS does not show the next key at \`${name}\``, {
    fix: "publish the record that `GET /v1/domains/{domain}` shows, wait until it is seen, and try again",
  });
}

function by({ random }: HttpDeps, { actor }: Caller) {
  return { actor, audit_id: makeId("aud", random(16)), salt: Buffer.from(random(16)).toString("hex") };
}
