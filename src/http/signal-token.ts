import { OpenAPIHono, z } from "@hono/zod-openapi";
import { DECISION_SECONDS } from "../grants/decision-token.ts";
import { holdWorkflowOf } from "../model/hold-workflow.ts";
import { DEFAULT_TEMPORAL_ADDRESS, HOLD_MESSAGE } from "../model/names.ts";
import type { HoldAction } from "../model/hold.ts";
import type { HoldRow } from "../store/contract-outbound.ts";
import { refusalProblem, sign } from "./attempts.ts";
import { currentCaller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { timeOf } from "./paging.ts";
import { holdOf, PendingPath } from "./pending.ts";
import { body, guarded, json, problems } from "./route.ts";
import { actionOf, verdictShape } from "./verdicts.ts";

const SignedVerdict = z
  .object({
    token: z.string().openapi({ description: "For one use; it carries your key's word and nothing of your reason." }),
    workflow_id: z.string(),
    expires_at: z.string(),
    command: z.string().openapi({ description: "Decides by the plain Temporal CLI, under the same rules." }),
  })
  .openapi("SignedVerdict", {
    example: {
      token: "eyJhbGciOiJFZERTQSIsImtpZCI6IjVmOGgya…",
      workflow_id: "out-5n7q9s1v3x5z7b9d1f3h5k7m",
      expires_at: "2026-11-22T10:00:00.000Z",
      command:
        'temporal workflow signal --workflow-id out-5n7q9s1v3x5z7b9d1f3h5k7m --name approve --input \'{"token":"eyJhbGciOiJFZERTQSIsImtpZCI6IjVmOGgya…"}\'',
    },
  });

const token = guarded(["oversight", "admin"], {
  method: "post",
  path: "/v1/pending/{id}/token",
  tags: ["Approvals"],
  summary: "Get a verdict as a Temporal signal",
  description: "Signed with your key's word for 24 hours. Whether it counts is judged when it arrives.",
  request: {
    params: PendingPath,
    body: body(z.strictObject(verdictShape).openapi("SignedVerdictRequest", { example: { action: "approve" } })),
  },
  responses: {
    200: json("The token and its command", SignedVerdict),
    ...problems({ 404: "Nothing by this id", 409: "Say which content, or it was decided already" }),
  },
});

/** MM-10: the plain Temporal CLI decides, by a token of this door. */
export function signalTokenRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(token, async (c) => {
    const caller = currentCaller(c);
    const { id: hold, mailbox, ...row } = await holdOf(deps, caller, c.req.valid("param").id);
    const { reason = null, content_hash = null, ...verdict } = c.req.valid("json");
    const action = actionOf(verdict);
    if (row.status !== "waiting" && (action === "approve" || action === "reject")) throw refusalProblem("already_decided");
    const wanted = { hold, mailbox, action, reason, content_hash: content_hash ?? onlyContent(row) };
    const at = deps.clock();
    const { token: signed } = await sign(deps, caller, wanted, DECISION_SECONDS.signal);
    const workflow_id = holdWorkflowOf(hold);
    const expires_at = timeOf(at + DECISION_SECONDS.signal * 1000);
    return c.json({ token: signed, workflow_id, expires_at, command: commandOf(deps, workflow_id, action, signed) }, 200);
  });
  return app;
}

/** A word that is good for a day is about what there is now, not about what an editor makes of it. */
function onlyContent({ revision, content_hash }: Pick<HoldRow, "revision" | "content_hash">): string {
  if (revision > 1) throw refusalProblem("content_hash_required");
  return content_hash;
}

const DEFAULT_ADDRESSES = [DEFAULT_TEMPORAL_ADDRESS, "localhost:7233"];

function commandOf({ temporal: { address, namespace } }: HttpDeps, workflow: string, action: HoldAction, signed: string): string {
  const place = [
    ...(DEFAULT_ADDRESSES.includes(address) ? [] : [`--address ${quoted(address)}`]),
    ...(namespace === "default" ? [] : [`--namespace ${quoted(namespace)}`]),
  ];
  const signal = [`--workflow-id ${workflow}`, `--name ${HOLD_MESSAGE[action]}`, `--input '${JSON.stringify({ token: signed })}'`];
  return ["temporal workflow signal", ...place, ...signal].join(" ");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
