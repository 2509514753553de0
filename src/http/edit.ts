import { OpenAPIHono } from "@hono/zod-openapi";
import { isId } from "../model/ids.ts";
import type { Submission } from "../model/outbound.ts";
import type { HoldRow } from "../store/contract-outbound.ts";
import { attempt, refuse } from "./attempts.ts";
import { currentCaller, type Caller } from "./auth.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { holdOf, PendingPath } from "./pending.ts";
import { Pending, pendingJson } from "./pending-json.ts";
import { body, guarded, json, problems } from "./route.ts";
import { EditRequest, submissionOf } from "./submission.ts";
import { holdingBytes, invalid } from "./submit.ts";

const edit = guarded(["oversight"], {
  method: "post",
  path: "/v1/pending/{id}/edit",
  tags: ["Approvals"],
  summary: "Change a draft that waits",
  description:
    "By an approver, whole: what is left out is gone. It becomes a new revision that is composed and screened again; earlier approvals are void, and whoever edited cannot approve.",
  request: { params: PendingPath, body: body(EditRequest) },
  responses: {
    200: json("What waits now, with its new `content_hash`", Pending),
    ...problems({
      404: "Nothing by this id",
      409: "Decided already, the content is another by now, or mail that came in",
      413: "Too large",
      422: "It cannot be composed, or the policy would block it",
    }),
  },
});

/** A person's own text in place of the agent's (MM-04). */
export function editRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  app.openapi(edit, async (c) => {
    const caller = currentCaller(c);
    const row = await holdOf(deps, caller, c.req.valid("param").id);
    const { content_hash = null, ...written } = c.req.valid("json");
    await change(deps, caller, row, submissionOf(written), content_hash);
    return c.json(pendingJson(await holdOf(deps, caller, row.id)), 200);
  });
  return app;
}

/** Composed here first, so that whoever edits learns what is wrong with it. */
async function change(deps: HttpDeps, caller: Caller, row: HoldRow, submission: Submission, content_hash: string | null): Promise<void> {
  const { id: hold, tenant, mailbox } = row;
  const draft = isId("drf", hold) ? await deps.store.run("drafts.get", { tenant, id: hold }) : null;
  if (draft === null) throw await refuse(deps, caller, { hold, action: "edit", content_hash }, "not_editable");
  await holdingBytes(deps, caller, submission, async (written) => {
    const writing = { number: draft.revision.number + 1, ...written, author: caller.key.id };
    const frozen = await deps.freezer.freeze({ ...draft, draft: draft.id }, writing);
    if ("invalid" in frozen) throw invalid(frozen.invalid);
    await attempt(deps, caller, { hold, mailbox, action: "edit", reason: null, content_hash, edit: written.source });
  });
}
