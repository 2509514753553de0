import { OpenAPIHono, z } from "@hono/zod-openapi";
import { MODES } from "../model/outbound.ts";
import { currentCaller } from "./auth.ts";
import { channelsIn, ChannelsJson } from "./channels.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { channelWarnings } from "./channel-warnings.ts";
import { Mailbox, MAILBOX_EXAMPLE, MailboxPath, mailboxOf, shownMailbox } from "./mailboxes.ts";
import { changeMailbox, makeCode, overseerIn } from "./mode-change.ts";
import { present, timeOf } from "./paging.ts";
import { body, guarded, json, problems } from "./route.ts";
import { Warnings } from "./warnings.ts";

const TAGS = ["Oversight"];

const CODE_SAYS = "is not a whole code; give it as the operator was shown it";
const Code = z.string().min(8, CODE_SAYS).max(100, CODE_SAYS).openapi({ example: "4k7m9p2r-t5w8y1a3-c6e9g2j5-m8q1s4v7" });

const ModeCode = z
  .object({ mailbox_id: z.string(), oversight_mode: z.enum(MODES), mode_code: z.string(), expires_at: z.string() })
  .openapi("ModeCode", {
    example: {
      mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
      oversight_mode: "autonomous",
      mode_code: "4k7m9p2r-t5w8y1a3-c6e9g2j5-m8q1s4v7",
      expires_at: "2026-11-22T10:00:00.000Z",
    },
  });

const ChangedMailbox = Mailbox.extend({
  warnings: Warnings.openapi({ description: "Channels that are set and lead to nobody at the moment." }),
}).openapi("ChangedMailbox", { example: { ...MAILBOX_EXAMPLE, warnings: [] } });

const patch = guarded(["admin"], {
  method: "patch",
  path: "/v1/mailboxes/{id}",
  tags: TAGS,
  summary: "Change how much people see and decide, and how mail arrives",
  description:
    "Down (stricter) is free and holds at once. Up needs the one-time code of `POST /v1/mailboxes/{id}/mode-code`. `monitored` copies what is sent to `oversight_address`, without which it is refused. `channels` push mail to the agent; pull is always on. All of it changes together, or nothing does.",
  request: {
    params: MailboxPath,
    body: body(
      z
        .strictObject({
          oversight_mode: z.enum(MODES).optional(),
          mode_code: Code.optional(),
          oversight_address: z.string().max(320).nullable().optional(),
          channels: ChannelsJson.optional().openapi({ description: "All of them at once; for mail that is delivered from now on." }),
        })
        .openapi("MailboxChange", { example: { oversight_mode: "gated_all" } }),
    ),
  },
  responses: { 200: json("The mailbox", ChangedMailbox), ...problems({ 404: "No such mailbox", 422: "No such mode, or no address" }) },
});

const code = guarded(["operator"], {
  method: "post",
  path: "/v1/mailboxes/{id}/mode-code",
  tags: TAGS,
  summary: "Make a code that lets a mailbox go faster",
  description: "Shown this once; for one use within 24 hours, for this mailbox and mode only. A second one replaces the first.",
  request: {
    params: MailboxPath,
    body: body(z.strictObject({ oversight_mode: z.enum(MODES) }).openapi("ModeCodeRequest", { example: { oversight_mode: "autonomous" } })),
  },
  responses: { 201: json("The code", ModeCode), ...problems({ 404: "No such mailbox", 422: "No such mode" }) },
});

/** Oversight modes (MM-01, MM-07, MM-28). An agent's key has none of the scopes. */
export function modeRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(patch, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    const { oversight_mode: mode, oversight_address, mode_code, channels } = c.req.valid("json");
    const change = present({
      mode,
      address: oversight_address === undefined ? undefined : overseerIn(oversight_address),
      channels: channels === undefined ? undefined : channelsIn(channels),
    });
    await changeMailbox(deps, caller, mailbox, change, mode_code ?? null);
    const [shown, warnings] = await Promise.all([
      mailboxOf(deps, caller, mailbox.id).then((row) => shownMailbox(deps, row)),
      channelWarnings(deps, change.channels ?? []),
    ]);
    return c.json({ ...shown, warnings }, 200);
  });
  app.openapi(code, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    const { oversight_mode } = c.req.valid("json");
    const { code: mode_code, expires_at } = await makeCode(deps, caller, mailbox, oversight_mode);
    return c.json({ mailbox_id: mailbox.id, oversight_mode, mode_code, expires_at: timeOf(expires_at) }, 201);
  });
  return app;
}
