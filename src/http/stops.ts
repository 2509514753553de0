import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { StopChange } from "../store/contract-outbound.ts";
import { currentCaller, unbound, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { freshEntry } from "./fresh.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";

const TAGS = ["Oversight"];
const VERBS = ["stop", "start"] as const;
type Verb = (typeof VERBS)[number];

const Stopped = z
  .object({ stopped: z.boolean(), drafts: z.int().openapi({ description: "Drafts under way that look again now." }) })
  .openapi("Stopped", { example: { stopped: true, drafts: 2 } });
const Stops = z
  .object({ items: z.array(z.object({ kind: z.enum(["mailbox", "agent", "tenant"]), id: z.string(), at: z.string() })) })
  .openapi("Stops", { example: { items: [{ kind: "agent", id: "assistant", at: "2026-11-21T10:00:00.000Z" }] } });

const SAYS = {
  stop: "Nothing leaves from now on, also what is approved and has not left.",
  start: "Mail may leave again; what waited looks again at once.",
} as const;

const ofMailbox = (verb: Verb) =>
  guarded(["admin", "oversight"], {
    method: "post",
    path: `/v1/mailboxes/{id}/${verb}`,
    tags: TAGS,
    summary: `Kill switch: ${verb} a mailbox`,
    description: SAYS[verb],
    request: { params: MailboxPath },
    responses: { 200: json("Where it is", Stopped), ...problems({ 404: "No such mailbox" }) },
  });

const AgentPath = z.object({ agent_id: z.string().max(128).openapi({ example: "assistant" }) });

const ofAgent = (verb: Verb) =>
  guarded(["admin", "oversight"], {
    method: "post",
    path: `/v1/agents/{agent_id}/${verb}`,
    tags: TAGS,
    summary: `Kill switch: ${verb} an agent`,
    description: SAYS[verb],
    request: { params: AgentPath },
    responses: { 200: json("Where it is", Stopped), ...problems({ 404: "No such agent" }) },
  });

const ofTenant = (verb: Verb) =>
  guarded(["admin", "oversight"], {
    method: "post",
    path: `/v1/${verb}`,
    tags: TAGS,
    summary: `Kill switch: ${verb} all of the tenant's mail`,
    description: SAYS[verb],
    responses: { 200: json("Where it is", Stopped) },
  });

const list = guarded(["admin", "oversight", "read"], {
  method: "get",
  path: "/v1/stops",
  tags: TAGS,
  summary: "What is stopped",
  responses: { 200: json("All of it", Stops) },
});

/** The kill switch. Whoever may decide may stop; an agent's key may not start itself. */
export function stopRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  for (const verb of VERBS) {
    app.openapi(ofMailbox(verb), async (c) => {
      const caller = currentCaller(c);
      const { id } = await mailboxOf(deps, caller, c.req.valid("param").id);
      return c.json(await turn(deps, caller, verb, { mailbox: id }), 200);
    });
    app.openapi(ofAgent(verb), async (c) =>
      c.json(await turn(deps, unbound(currentCaller(c)), verb, { agent: c.req.valid("param").agent_id }), 200),
    );
    app.openapi(ofTenant(verb), async (c) => c.json(await turn(deps, unbound(currentCaller(c)), verb, { tenant: true }), 200));
  }
  app.openapi(list, async (c) => {
    const rows = await deps.store.run("oversight.stops", { tenant: currentCaller(c).tenant });
    return c.json({ items: rows.map(({ kind, id, at }) => ({ kind, id, at: timeOf(at) })) }, 200);
  });
  return app;
}

async function turn(deps: HttpDeps, { tenant, actor }: Caller, verb: Verb, target: StopChange["target"]): Promise<z.infer<typeof Stopped>> {
  const stopped = verb === "stop";
  const changed = await deps.store.run("oversight.stop", { tenant, target, stopped, actor, ...freshEntry(deps) });
  if (changed === null) throw notFound("agent" in target ? "agent" : "mailbox");
  await deps.gate.wake(changed.drafts);
  return { stopped, drafts: changed.drafts.length };
}
