import { OpenAPIHono, z } from "@hono/zod-openapi";
import { isId, type MailboxId, type WebhookId } from "../model/ids.ts";
import type { DispatchRow } from "../store/contract-channels.ts";
import { ChannelJson, channelJson } from "./channels.ts";
import { currentCaller, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { freshEntry } from "./fresh.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { PageQuery, pageOf, present, timeOf } from "./paging.ts";
import { notFound } from "./problem.ts";
import { guarded, json, problems } from "./route.ts";
import { webhookOf } from "./webhooks.ts";

const STATES = ["pending", "delivered", "dead"] as const;

const DELIVERY_EXAMPLE = {
  id: "evt_4q6s8v0x2z4b6d8f0h2k4m6p",
  message_id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  channel: { kind: "webhook" as const, webhook_id: "whk_3p5r7t9v1x3z5b7d9f1h3k5m" },
  state: "dead" as const,
  reason: "http_503",
  status: 503,
  attempts: 34,
  created_at: "2026-11-21T10:00:00.000Z",
  attempted_at: "2026-11-22T10:00:00.000Z",
  ended_at: "2026-11-22T10:00:00.000Z",
};

export const MailDelivery = z
  .object({
    id: z.string().openapi({ description: "What the receiver knows the delivery by, at every attempt." }),
    message_id: z.string(),
    mailbox_id: z.string(),
    channel: ChannelJson,
    state: z.enum(STATES).openapi({ description: "`dead`: tried for a day, or wanted no more. Only a replay tries again." }),
    reason: z.string().nullable().openapi({ description: "Why the last attempt did not arrive." }),
    status: z.int().nullable().openapi({ description: "HTTP status of the last attempt that had one." }),
    attempts: z.int().openapi({ description: "Since it was last put in line." }),
    created_at: z.string(),
    attempted_at: z.string().nullable(),
    ended_at: z.string().nullable(),
  })
  .openapi("MailDelivery", { example: DELIVERY_EXAMPLE });

const DeliveryQuery = PageQuery.extend({ state: z.enum(STATES).optional().openapi({ example: "dead" }) });
const DeliveryId = z.string().max(80).openapi({ example: DELIVERY_EXAMPLE.id });

/** Both places a delivery is found in: where it goes to, and whose mail it is. */
const PLACES = {
  webhooks: { base: "/v1/webhooks", tag: "Webhooks", id: DELIVERY_EXAMPLE.channel.webhook_id, noun: "webhook" },
  mailboxes: { base: "/v1/mailboxes", tag: "Mailboxes", id: DELIVERY_EXAMPLE.mailbox_id, noun: "mailbox" },
} as const;
type Place = keyof typeof PLACES;

const list = (place: Place) =>
  guarded(["admin", "oversight"], {
    method: "get",
    path: `${PLACES[place].base}/{id}/deliveries`,
    tags: [PLACES[place].tag],
    summary: `List deliveries of a ${PLACES[place].noun}`,
    description: "One for each message and channel; kept for 30 days.",
    request: { params: place === "mailboxes" ? MailboxPath : pathOf(place), query: DeliveryQuery },
    responses: {
      200: json("Newest first", pageOf("MailDeliveryPage", MailDelivery)),
      ...problems({ 404: `No such ${PLACES[place].noun}`, 422: "Bad query" }),
    },
  });

const replay = (place: Place) =>
  guarded(["admin"], {
    method: "post",
    path: `${PLACES[place].base}/{id}/deliveries/{delivery}/replay`,
    tags: [PLACES[place].tag],
    summary: "Deliver once more",
    description:
      "Also what has arrived. Under the same delivery id and, within a day of the message, with the same body. One that is being tried is left to it.",
    request: { params: pathOf(place).extend({ delivery: DeliveryId }) },
    responses: { 202: json("In line again", MailDelivery), ...problems({ 404: "No such delivery, or older than 30 days" }) },
  });

function pathOf(place: Place) {
  return z.object({ id: z.string().max(80).openapi({ example: PLACES[place].id }) });
}

/** What became of each delivery, and another try for it. */
export function deliveryRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  for (const place of ["webhooks", "mailboxes"] as const) {
    app.openapi(list(place), async (c) => {
      const caller = currentCaller(c);
      const of = await placeOf(deps, caller, place, c.req.valid("param").id);
      const page = await deps.store.run("dispatches.list", { tenant: caller.tenant, of, ...present(c.req.valid("query")) });
      return c.json({ items: page.items.map(deliveryJson), next_cursor: page.next_cursor }, 200);
    });
    app.openapi(replay(place), async (c) => {
      const caller = currentCaller(c);
      const { id, delivery } = c.req.valid("param");
      const found = await deliveryOf(deps, caller, await placeOf(deps, caller, place, id), delivery);
      return c.json(deliveryJson(await again(deps, caller, found)), 202);
    });
  }
  return app;
}

type Of = { readonly webhook: WebhookId } | { readonly mailbox: MailboxId };

async function placeOf(deps: HttpDeps, caller: Caller, place: Place, id: string): Promise<Of> {
  if (place === "mailboxes") return { mailbox: (await mailboxOf(deps, caller, id)).id };
  return { webhook: (await webhookOf(deps, caller, id)).id };
}

async function deliveryOf({ store }: HttpDeps, { tenant }: Caller, of: Of, id: string): Promise<DispatchRow> {
  const row = isId("evt", id) ? await store.run("dispatches.get", { tenant, id }) : null;
  if (row === null || !isIn(row, of)) throw notFound("delivery");
  return row;
}

function isIn({ mailbox, channel }: DispatchRow, of: Of): boolean {
  if ("mailbox" in of) return mailbox === of.mailbox;
  return channel.kind === "webhook" && channel.webhook_id === of.webhook;
}

/** The row first: a workflow that finds nothing in line ends. */
async function again(deps: HttpDeps, { actor }: Caller, { tenant, id }: DispatchRow): Promise<DispatchRow> {
  const row = await deps.store.run("dispatches.replay", { tenant, id, actor, ...freshEntry(deps) });
  if (row === null) throw notFound("delivery");
  await deps.gate.dispatch({ tenant, dispatch: id });
  return row;
}

export function deliveryJson(row: DispatchRow): z.infer<typeof MailDelivery> {
  const { id, message, mailbox, channel, state, reason, status, attempts, created_at, attempted_at, ended_at } = row;
  return {
    ...{ id, message_id: message, mailbox_id: mailbox, channel: channelJson(channel), state, reason, status, attempts },
    created_at: timeOf(created_at),
    attempted_at: attempted_at === null ? null : timeOf(attempted_at),
    ended_at: ended_at === null ? null : timeOf(ended_at),
  };
}
