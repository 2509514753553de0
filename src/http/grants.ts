import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { GrantClaims } from "../grants/sign.ts";
import { GRANT_MAX_LENGTH, verifyGrant } from "../grants/verify.ts";
import { PosternError } from "../model/errors.ts";
import { currentCaller, sees, type Caller } from "./auth.ts";
import { createDeny, type Denial } from "./denied.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { timeOf } from "./paging.ts";
import { body, guarded, json, problems } from "./route.ts";

const Checked = z
  .object({
    allowed: z.literal(true),
    capability: z.string(),
    agent_id: z.string(),
    mailbox_id: z.string(),
    message_id: z.string(),
    thread_id: z.string(),
    expires_at: z.string(),
  })
  .openapi("GrantChecked", {
    example: {
      allowed: true,
      capability: "read_calendar",
      agent_id: "assistant",
      mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
      message_id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f",
      thread_id: "thr_1h3k5m7p9r1t3w5y7z9b1d3f",
      expires_at: "2026-11-22T10:00:00.000Z",
    },
  });

const Question = z
  .strictObject({ grant: z.string().min(1).max(GRANT_MAX_LENGTH), capability: z.string().min(1).max(128) })
  .openapi("GrantQuestion", { example: { grant: "eyJhbGciOiJFZERTQSIsImtpZCI6IjVmOGgya…", capability: "read_calendar" } });

const check = guarded(["read", "send", "oversight", "admin"], {
  method: "post",
  path: "/v1/grants/check",
  tags: ["Grants"],
  summary: "Ask whether a grant allows an act",
  description:
    "For the tools an agent calls: signature, time, tenant, and the state of agent, mailbox and message today. " +
    "A refusal is a 403 `capability_denied` and an audit entry.",
  request: { body: body(Question) },
  responses: { 200: json("It does", Checked), ...problems({ 422: "Not a question", 429: "Too many acts with this key were denied" }) },
});

/** MB-06: capabilities are enforced here, whatever key the caller has. */
export function grantRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const deny = createDeny(deps);
  app.openapi(check, async (c) => {
    const caller = currentCaller(c);
    const { grant, capability } = c.req.valid("json");
    const judged = await judge(deps, caller, grant, capability);
    if ("reason" in judged) {
      await deny(caller, { ...judged, capability });
      throw denied(judged.reason);
    }
    return c.json(checkedJson(judged, capability), 200);
  });
  return app;
}

type Refused = Omit<Denial, "capability">;

async function judge(deps: HttpDeps, caller: Caller, token: string, capability: string): Promise<GrantClaims | Refused> {
  const verified = await verifyGrant(deps.grants, token, deps.clock());
  if (!verified.ok) return { reason: verified.why, message: null, mailbox: null };
  const { claims } = verified;
  // Another tenant's grant is as good as a forged one, and its ids stay out of this tenant's audit.
  if (claims.tenant !== caller.tenant || !sees(caller, claims.mbx)) return { reason: "invalid", message: null, mailbox: null };
  const reason = await refusal(deps, claims, capability);
  return reason === null ? claims : { reason, message: claims.msg, mailbox: claims.mbx };
}

/** The grant says what held when it was signed; the rows say what holds now. */
async function refusal({ store }: HttpDeps, claims: GrantClaims, capability: string): Promise<Denial["reason"] | null> {
  const [mailbox, message] = await Promise.all([
    store.run("mailboxes.get", { tenant: claims.tenant, id: claims.mbx }),
    store.run("messages.get", { tenant: claims.tenant, id: claims.msg, view: "agent" }),
  ]);
  if (mailbox === null) return "mailbox_gone";
  if (mailbox.agent_id !== claims.sub) return "other_agent";
  if (message === null || message.mailbox !== claims.mbx) return "not_delivered";
  return claims.cap.includes(capability) && message.capabilities.includes(capability) ? null : "not_granted";
}

function denied(reason: Denial["reason"]): PosternError {
  const fix =
    reason === "expired" ? "read the message again: every read signs a fresh grant" : "ask for what the message's `capabilities` name";
  return new PosternError("capability_denied", MESSAGES[reason], { fix });
}

const MESSAGES: Readonly<Record<Denial["reason"], string>> = {
  not_granted: "the grant does not carry this capability",
  expired: "the grant has expired",
  invalid: "this is not a grant of this tenant",
  not_delivered: "the message is no longer with the agent",
  mailbox_gone: "the mailbox is no longer there",
  other_agent: "the mailbox belongs to another agent now",
};

function checkedJson(claims: GrantClaims, capability: string): z.infer<typeof Checked> {
  return {
    allowed: true,
    capability,
    agent_id: claims.sub,
    mailbox_id: claims.mbx,
    message_id: claims.msg,
    thread_id: claims.thr,
    expires_at: timeOf(claims.exp * 1000),
  };
}
