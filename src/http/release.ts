import { OpenAPIHono, z } from "@hono/zod-openapi";
import { currentCaller } from "./auth.ts";
import { decisionJson, DecisionJson } from "./decision-json.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { MessagePath, messageOf } from "./messages.ts";
import { guarded, json, problems } from "./route.ts";
import { createDecide, Decided } from "./verdicts.ts";

const Note = z
  .strictObject({ note: z.string().max(500).optional().openapi({ description: "Why; kept beside the audit entry." }) })
  .openapi("ReleaseNote", { example: { note: "known supplier, new address" } });

const VERBS = { release: "approve", discard: "reject" } as const;
type Verb = keyof typeof VERBS;

const decide = (verb: Verb) =>
  guarded(["oversight", "admin"], {
    method: "post",
    path: `/v1/messages/{id}/${verb}` as const,
    tags: ["Decisions"],
    summary: verb === "release" ? "Let a held or quarantined message through" : "End a hold by throwing the message away",
    description:
      "The same as to approve or reject it. The decision is final and names the one it supersedes. Safe to repeat: the second call is a 409.",
    request: { params: MessagePath, body: { required: false, content: { "application/json": { schema: Note } } } },
    responses: {
      200: json("The decision", DecisionJson),
      202: json("It counts, and others have to agree", Decided),
      ...problems({ 404: "No such message", 409: "The message does not wait for a decision", 422: "Bad note" }),
    },
  });

/** What people decide about mail that came in, by the names of old. */
export function releaseRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const say = createDecide(deps);
  for (const verb of ["release", "discard"] as const) {
    app.openapi(decide(verb), async (c) => {
      const caller = currentCaller(c);
      const { id, mailbox, thread } = await messageOf(deps, caller, c.req.valid("param").id);
      const decided = await say(caller, id, { action: VERBS[verb], reason: reasonOf(verb, c.req.valid("json").note) }, null);
      const decision = await deps.store.run("decisions.final", { message: id, stage: "release" });
      if (decision === null) return c.json(decided, 202);
      return c.json(decisionJson({ decision, mailbox, thread, body_sha256: null, final: true }), 200);
    });
  }
  return app;
}

/** Who discards says enough by that. */
function reasonOf(verb: Verb, note: string | undefined): string | undefined {
  const said = note?.trim() === "" ? undefined : note;
  return said ?? (verb === "discard" ? "discarded" : undefined);
}
