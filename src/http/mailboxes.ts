import { OpenAPIHono, z } from "@hono/zod-openapi";
import { PosternError } from "../model/errors.ts";
import { isId, makeId, type MailboxId, type TenantId } from "../model/ids.ts";
import { DEFAULT_MODE, isUpward, MODES, type Mode } from "../model/outbound.ts";
import type { Conflict, MailboxRow } from "../store/contract.ts";
import type { StopRow } from "../store/contract-outbound.ts";
import { foldedAddress, type FoldedAddress } from "./address.ts";
import { currentCaller, sees, unbound, type Caller } from "./auth.ts";
import { ChannelJson, channelJson } from "./channels.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { addressRequired, overseerIn, setFirstMode } from "./mode-change.ts";
import { PageQuery, pageOf, present, timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { body, guarded, json, problems } from "./route.ts";
import { STOP_KINDS, stoppedBy } from "./stopped.ts";

const TAGS = ["Mailboxes"];

/** Path parameter of every route below one mailbox. */
export const MailboxPath = z.object({ id: z.string().max(80).openapi({ example: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f" }) });

const AgentId = z.string().min(1).max(128).openapi({ example: "assistant", description: "Your name for the agent that owns the mailbox." });
const LocalPart = z.string().min(1).max(64).openapi({ example: "assistant", description: "What stands before the `@`; no `+`." });
const Domain = z.string().min(1).max(253).openapi({ example: "acme.example", description: "Left out: the tenant's first domain." });

export const MAILBOX_EXAMPLE = {
  id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  address: "assistant@acme.example",
  aliases: ["bookings@acme.example"],
  agent_id: "assistant",
  oversight_mode: "gated_send" as const,
  oversight_address: null,
  policy: null,
  stopped_by: null,
  channels: [],
  created_at: "2026-11-21T10:00:00.000Z",
};

export const Mailbox = z
  .object({
    id: z.string(),
    address: z.string(),
    aliases: z.array(z.string()),
    agent_id: z.string(),
    oversight_mode: z.enum(MODES),
    oversight_address: z.string().nullable().openapi({ description: "Gets a copy of what a `monitored` mailbox sends." }),
    policy: z.object({ id: z.string(), version: z.int(), digest: z.string() }).nullable(),
    stopped_by: z.enum(STOP_KINDS).nullable().openapi({ description: "What the kill switch stopped; nothing leaves. Null: nothing is." }),
    channels: z.array(ChannelJson).openapi({ description: "How mail reaches the agent beside pull." }),
    created_at: z.string(),
  })
  .openapi("Mailbox", {
    example: MAILBOX_EXAMPLE,
  });

const create = guarded(["admin"], {
  method: "post",
  path: "/v1/mailboxes",
  tags: TAGS,
  summary: "Make a mailbox",
  description: "Makes the agent, the domain (state `local`) and the address as needed. Without a policy everything is refused.",
  request: {
    body: body(
      z
        .strictObject({
          address_local_part: LocalPart,
          domain: Domain.optional(),
          agent_id: AgentId,
          oversight_mode: z
            .enum(MODES)
            .optional()
            .openapi({ example: "gated_send", description: "Default `gated_send`. One that is freer needs an operator's key." }),
          oversight_address: z
            .string()
            .max(320)
            .optional()
            .openapi({ example: "oversight@acme.example", description: "Who gets the copies; `monitored` needs one." }),
        })
        .openapi("NewMailbox"),
    ),
  },
  responses: { 201: json("The mailbox", Mailbox), ...problems({ 409: "Taken", 422: "Not an address" }) },
});

const alloc = (path: "/alloc" | "/postbox/alloc") =>
  guarded(["admin"], {
    method: "post",
    path,
    tags: TAGS,
    summary: "Make a mailbox on the tenant's domain",
    description: "The short form of `POST /v1/mailboxes` for callers that only know an agent and a name.",
    request: { body: body(z.strictObject({ agent_id: AgentId, local_part: LocalPart }).openapi("Allocation")) },
    responses: {
      201: json("The address", z.object({ address: z.string().openapi({ example: "assistant@acme.example" }) }).openapi("Allocated")),
      ...problems({ 409: "Taken", 422: "Not an address, or the tenant has no domain" }),
    },
  });

const list = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes",
  tags: TAGS,
  summary: "List the mailboxes the key may see",
  request: { query: PageQuery },
  responses: { 200: json("Newest first", pageOf("MailboxPage", Mailbox)), ...problems({ 422: "Bad query" }) },
});

const get = guarded(["read", "oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}",
  tags: TAGS,
  summary: "Show a mailbox",
  request: { params: MailboxPath },
  responses: { 200: json("The mailbox", Mailbox), ...problems({ 404: "No such mailbox" }) },
});

const addAlias = guarded(["admin"], {
  method: "post",
  path: "/v1/mailboxes/{id}/aliases",
  tags: TAGS,
  summary: "Give a mailbox one more address",
  request: {
    params: MailboxPath,
    body: body(z.strictObject({ address_local_part: LocalPart, domain: Domain.optional() }).openapi("NewAlias")),
  },
  responses: { 201: json("The mailbox", Mailbox), ...problems({ 404: "No such mailbox", 409: "Taken", 422: "Not an address" }) },
});

/** Agents' mailboxes and their addresses (PB-02, PB-03). */
export function mailboxRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(create, async (c) => {
    const { address_local_part, domain, agent_id, oversight_mode: mode = DEFAULT_MODE, oversight_address } = c.req.valid("json");
    const caller = unbound(currentCaller(c));
    const overseer = overseerIn(oversight_address ?? null);
    allowMode(caller, mode, overseer);
    const address = await addressFor(deps, caller.tenant, address_local_part, domain);
    const made = await createMailbox(deps, caller.tenant, agent_id, address);
    if (mode !== DEFAULT_MODE || overseer !== null) await setFirstMode(deps, caller, made, { mode, address: overseer });
    return c.json(await shownMailbox(deps, await mailboxOf(deps, caller, made.id)), 201);
  });
  for (const path of ["/alloc", "/postbox/alloc"] as const) {
    app.openapi(alloc(path), async (c) => {
      const { agent_id, local_part } = c.req.valid("json");
      const { tenant } = unbound(currentCaller(c));
      const address = await addressFor(deps, tenant, local_part, undefined);
      return c.json({ address: (await createMailbox(deps, tenant, agent_id, address)).address }, 201);
    });
  }
  app.openapi(list, async (c) => {
    const { key, tenant } = currentCaller(c);
    const only = key.mailboxes ?? undefined;
    const [page, stops] = await Promise.all([
      deps.store.run("mailboxes.list", { tenant, ...present({ only, ...c.req.valid("query") }) }),
      deps.store.run("oversight.stops", { tenant }),
    ]);
    return c.json({ items: page.items.map((row) => mailboxJson(row, stops)), next_cursor: page.next_cursor }, 200);
  });
  app.openapi(get, async (c) => c.json(await shownMailbox(deps, await mailboxOf(deps, currentCaller(c), c.req.valid("param").id)), 200));
  app.openapi(addAlias, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    const { address_local_part, domain } = c.req.valid("json");
    const address = await addressFor(deps, caller.tenant, address_local_part, domain ?? domainOf(mailbox.address));
    return c.json(await shownMailbox(deps, await createAlias(deps, mailbox, address)), 201);
  });
  return app;
}

/** Before anything is made: MM-28 holds for new mailboxes too. */
function allowMode({ key }: Caller, mode: Mode, overseer: string | null): void {
  if (mode === "monitored" && overseer === null) throw addressRequired();
  if (!isUpward(DEFAULT_MODE, mode) || key.scopes.includes("operator")) return;
  throw new PosternError("mode_code_required", `a new mailbox in mode \`${mode}\` needs an operator's key`, {
    fix: "leave `oversight_mode` out, and go up later with an operator's code",
  });
}

/** The mailbox a path names; `not_found` as well when it is another tenant's or not the key's (MB-18). */
export async function mailboxOf(deps: HttpDeps, caller: Caller, id: string): Promise<MailboxRow> {
  const visible = isId("mbx", id) && sees(caller, id);
  const row = visible ? await deps.store.run("mailboxes.get", { tenant: caller.tenant, id }) : null;
  if (row === null) throw notFound("mailbox");
  return row;
}

async function createMailbox({ store, random, clock }: HttpDeps, tenant: TenantId, agent: string, at: FoldedAddress): Promise<MailboxRow> {
  const id: MailboxId = makeId("mbx", random(16));
  const ids = { id, address_id: makeId("adr", random(16)), domain_id: makeId("dom", random(16)) };
  return orTaken(await store.run("mailboxes.create", { ...ids, tenant, agent_id: agent, ...at, at: clock() }));
}

async function createAlias({ store, random, clock }: HttpDeps, mailbox: MailboxRow, at: FoldedAddress): Promise<MailboxRow> {
  const ids = { address_id: makeId("adr", random(16)), domain_id: makeId("dom", random(16)) };
  const made = await store.run("mailboxes.add_alias", { ...ids, tenant: mailbox.tenant, mailbox: mailbox.id, ...at, at: clock() });
  if (made === null) throw notFound("mailbox");
  return orTaken(made);
}

async function addressFor({ store }: HttpDeps, tenant: TenantId, localPart: string, domain: string | undefined): Promise<FoldedAddress> {
  const chosen = domain ?? (await store.run("domains.default", { tenant }));
  if (chosen === null) {
    throw new PosternError("invalid_request", "the tenant has no domain yet", {
      fix: "make the first mailbox with `POST /v1/mailboxes` and a `domain`",
    });
  }
  return foldedAddress(localPart, chosen);
}

function orTaken(made: MailboxRow | Conflict<"address" | "domain">): MailboxRow {
  if (!("conflict" in made)) return made;
  throw new PosternError("conflict", `the ${made.conflict} is taken`, { fix: `choose another ${made.conflict}` });
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

export async function shownMailbox({ store }: HttpDeps, row: MailboxRow): Promise<z.infer<typeof Mailbox>> {
  return mailboxJson(row, await store.run("oversight.stops", { tenant: row.tenant }));
}

/** `stops`: all of the tenant's. */
function mailboxJson(row: MailboxRow, stops: readonly StopRow[]): z.infer<typeof Mailbox> {
  return {
    id: row.id,
    address: row.address,
    aliases: [...row.aliases],
    agent_id: row.agent_id,
    oversight_mode: row.oversight_mode,
    oversight_address: row.oversight_address,
    policy: row.policy === null ? null : { id: row.policy.id, version: row.policy.version, digest: row.policy.digest },
    stopped_by: stoppedBy(stops, row),
    channels: row.channels.map(channelJson),
    created_at: timeOf(row.created_at),
  };
}
