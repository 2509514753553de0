import { OpenAPIHono, z } from "@hono/zod-openapi";
import { isId } from "../model/ids.ts";
import type { DraftRow } from "../store/contract-outbound.ts";
import { attemptsOf } from "./attempt-json.ts";
import { attempt, refuse } from "./attempts.ts";
import { currentCaller, sees, type Caller } from "./auth.ts";
import { allowChanging } from "./changing.ts";
import { createDenialRate } from "./denial-rate.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { DraftJson, draftJson, DraftStateJson } from "./draft-json.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { PageQuery, pageOf, present } from "./paging.ts";
import { notFound } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";

const TAGS = ["Drafts"];

const DraftPath = z.object({ id: z.string().max(80).openapi({ example: "drf_5n7q9s1v3x5z7b9d1f3h5k7m" }) });

const list = guarded(["read", "send", "oversight", "admin"], {
  method: "get",
  path: "/v1/mailboxes/{id}/drafts",
  tags: TAGS,
  summary: "List a mailbox's drafts",
  request: { params: MailboxPath, query: PageQuery.extend({ status: DraftStateJson.optional() }) },
  responses: { 200: json("Newest first", pageOf("DraftPage", DraftJson)), ...problems({ 404: "No such mailbox", 422: "Bad query" }) },
});

const get = guarded(["read", "send", "oversight", "admin"], {
  method: "get",
  path: "/v1/drafts/{id}",
  tags: TAGS,
  summary: "Show a draft and what became of it at each recipient",
  request: { params: DraftPath },
  responses: { 200: json("The draft", DraftJson), ...problems({ 404: "No such draft" }) },
});

const cancel = guarded(["send", "admin"], {
  method: "delete",
  path: "/v1/drafts/{id}",
  tags: TAGS,
  summary: "Cancel a draft",
  description: "Until the next hop has been given its bytes.",
  request: { params: DraftPath },
  responses: {
    200: json("The draft", DraftJson),
    ...problems({ 403: "The mailbox is `read_only`", 404: "No such draft", 409: "Too late", 429: "Too often too late" }),
  },
});

/** What was submitted and where it is (MM-13). */
export function draftRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const rate = createDenialRate(deps.clock);
  app.openapi(list, async (c) => {
    const caller = currentCaller(c);
    const { id, tenant } = await mailboxOf(deps, caller, c.req.valid("param").id);
    const { status, ...page } = c.req.valid("query");
    const kind = caller.view === "agent" ? ("draft" as const) : undefined;
    const wanted = present({ ...page, state: status, kind });
    const { items, next_cursor } = await deps.store.run("drafts.list", { tenant, mailbox: id, ...wanted });
    return c.json({ items: items.map((draft) => draftJson(draft)), next_cursor }, 200);
  });
  app.openapi(get, async (c) => {
    const caller = currentCaller(c);
    return c.json(await shown(deps, caller, await draftOf(deps, caller, c.req.valid("param").id)), 200);
  });
  app.openapi(cancel, async (c) => {
    const caller = currentCaller(c);
    const draft = await draftOf(deps, caller, c.req.valid("param").id);
    const { id, mailbox } = draft;
    await allowChanging(deps, caller, mailbox);
    const refusal = await refusalOf(deps, caller, draft);
    if (refusal !== null) {
      rate(caller.key.id);
      throw await refuse(deps, caller, { hold: id, action: "cancel", content_hash: null }, refusal);
    }
    await attempt(deps, caller, { hold: id, mailbox, action: "cancel", reason: null, content_hash: null });
    return c.json(await shown(deps, caller, await draftOf(deps, caller, id)), 200);
  });
  return app;
}

/** The draft a path names; `not_found` as well when it is another tenant's or not the key's (MB-18). */
export async function draftOf({ store }: HttpDeps, caller: Caller, id: string): Promise<DraftRow> {
  const row = isId("drf", id) ? await store.run("drafts.get", { tenant: caller.tenant, id }) : null;
  if (row === null || !sees(caller, row.mailbox) || isHidden(caller, row)) throw notFound("draft");
  return row;
}

/** MM-05: that and to whom the overseer's copies go is none of the agent's business. */
export function isHidden({ view }: Caller, { kind }: Pick<DraftRow, "kind">): boolean {
  return kind === "copy" && view === "agent";
}

/** What needs no workflow to be told: a history bounds how often it can be asked, and people may yet have to settle the draft. */
async function refusalOf(deps: HttpDeps, { key }: Caller, draft: DraftRow): Promise<"not_an_approver" | "already_decided" | null> {
  if (draft.kind === "copy" && !key.scopes.includes("admin")) return "not_an_approver";
  return (await isTooLate(deps, draft)) ? "already_decided" : null;
}

async function isTooLate({ store }: HttpDeps, { tenant, id, state }: DraftRow): Promise<boolean> {
  if (state === "pending_send_approval" || state === "queued") return false;
  if (state !== "sending") return true;
  const deliveries = await store.run("drafts.deliveries", { tenant, draft: id });
  return deliveries.some((delivery) => delivery.state === "accepted" || delivery.state === "unknown");
}

async function shown(deps: HttpDeps, { view }: Caller, draft: DraftRow): Promise<z.infer<typeof DraftJson>> {
  const { tenant, id } = draft;
  const [deliveries, attempts] = await Promise.all([
    deps.store.run("drafts.deliveries", { tenant, draft: id }),
    view === "all" ? attemptsOf(deps, tenant, id) : [],
  ]);
  return draftJson(draft, deliveries, attempts);
}
