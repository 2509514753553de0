import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { goesBack } from "../mail/goes-back.ts";
import { allowsMail, replySubject, type MailCapability } from "../model/answer.ts";
import { PosternError } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import type { Submission } from "../model/outbound.ts";
import type { MessageRow } from "../store/contract.ts";
import { currentCaller, type Caller } from "./auth.ts";
import { FindingJson, findingJson } from "./decision-json.ts";
import { createDeny, type Deny } from "./denied.ts";
import type { HttpDeps, HttpEnv } from "./deps.ts";
import { DRAFT_EXAMPLE, DraftJson, draftJson } from "./draft-json.ts";
import { MailboxPath, mailboxOf } from "./mailboxes.ts";
import { MessagePath, messageOf } from "./messages.ts";
import { body, guarded, json, problems } from "./route.ts";
import { limitHeaders } from "./send-limits.ts";
import { idempotencyKeyOf, payloadHash, ReplyRequest, SendRequest, sendAtOf, submissionOf } from "./submission.ts";
import { createSubmitRate } from "./submit-rate.ts";
import { holdingBytes, inputOf, invalid, submitDraft, type Draft } from "./submit.ts";

const TAGS = ["Drafts"];

const IdempotencyHeader = z.object({
  "idempotency-key": z
    .string()
    .optional()
    .openapi({ description: "1 to 256 visible ASCII characters; the same request with the same key is one draft.", example: "order-4711" }),
});

const DRY_RUN_EXAMPLE = {
  status: "dry_run" as const,
  would_send_to: ["boss@acme.example"],
  decision: {
    outcome: "pending_send_approval",
    reason: "mode_gated_send",
    judged_at: "oversight",
    mode: "gated_send",
    refused: [],
    findings: [],
  },
};

const DryRun = z
  .object({
    status: z.literal("dry_run"),
    would_send_to: z.array(z.string()),
    decision: z.object({
      outcome: z.string(),
      reason: z.string(),
      judged_at: z.string(),
      mode: z.string(),
      refused: z.array(z.string()),
      findings: z.array(FindingJson),
    }),
  })
  .openapi("DryRun", { example: DRY_RUN_EXAMPLE });

/** Of a submission: the draft, or the result of a dry run. */
const SendResult = z.union([DraftJson, DryRun]).openapi("SendResult", { example: DRAFT_EXAMPLE });

const RESPONSES = {
  200: json("It leaves, or the result of a dry run", SendResult),
  202: json("It waits for people", DraftJson),
  ...problems({
    404: "No such mailbox or message",
    409: "The `Idempotency-Key` was used with another request, or the same one is under way",
    413: "Too large",
    422: "The draft cannot be composed",
    429: "A cap is reached, or too many submits of this key came to nothing",
  }),
} as const;

const send = guarded(["send"], {
  method: "post",
  path: "/v1/mailboxes/{id}/send",
  tags: TAGS,
  summary: "Submit a draft",
  description:
    "From the mailbox, whoever it claims to be from. Screened, shown to people where the mailbox's mode says so, screened again, sent once.",
  request: { params: MailboxPath, headers: IdempotencyHeader, body: body(SendRequest) },
  responses: RESPONSES,
});

const reply = guarded(["send"], {
  method: "post",
  path: "/v1/messages/{id}/reply",
  tags: TAGS,
  summary: "Answer a message",
  description:
    "To its sender unless `to` names others; In-Reply-To and References are set, and it stays in the thread. Where the sender's rule names any `mail.*`, it must name `mail.reply`, and `mail.send` for an answer that others than the sender get.",
  request: { params: MessagePath, headers: IdempotencyHeader, body: body(ReplyRequest) },
  responses: RESPONSES,
});

/** Agents submit (MM-08, MB-15); every answer comes from a recorded decision. */
export function sendRoutes(deps: HttpDeps): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>();
  const deny = createDeny(deps);
  const rate = createSubmitRate(deps.clock, deps.submitsPerHour);
  app.openapi(send, async (c) => {
    const caller = currentCaller(c);
    const mailbox = await mailboxOf(deps, caller, c.req.valid("param").id);
    const request = c.req.valid("json");
    return answer({ ...deps, rate }, c, { ...request, mailbox, answers: null });
  });
  app.openapi(reply, async (c) => {
    const caller = currentCaller(c);
    const answered = await answerable(deps, caller, c.req.valid("param").id);
    await allowAnswer(deny, caller, answered, "mail.reply");
    const mailbox = await mailboxOf(deps, caller, answered.mailbox);
    const request = c.req.valid("json");
    const to = request.to.length > 0 ? request.to : [senderOf(answered)];
    if (!goesBack({ ...request, to }, answered)) await allowAnswer(deny, caller, answered, "mail.send");
    const subject = request.subject ?? replySubject(answered.subject);
    return answer({ ...deps, rate }, c, { ...request, to, subject, mailbox, answers: { message: answered.id, thread: answered.thread } });
  });
  return app;
}

interface Request extends Submission, Pick<Draft, "mailbox" | "answers"> {
  readonly send_at: string | null;
  readonly dry_run: boolean;
}

interface AnswerDeps extends HttpDeps {
  readonly rate: ReturnType<typeof createSubmitRate>;
}

async function answer(deps: AnswerDeps, c: Context<HttpEnv>, request: Request) {
  const caller = currentCaller(c);
  const giveBack = deps.rate(caller.key.id);
  const { mailbox, answers } = request;
  const draft: Draft = { mailbox, answers, submission: submissionOf(request), send_at: sendAtOf(request.send_at, deps.clock()) };
  if (request.dry_run) return c.json(await dryRun(deps, caller, draft), 200);
  const key = idempotencyKeyOf(c.req.header("idempotency-key"));
  const { submission, send_at } = draft;
  const hash = payloadHash({ submission, send_at, in_reply_to: answers?.message ?? null });
  const submitted = await submitDraft(deps, caller, draft, { key, hash }).catch((error: unknown) => {
    if (isOurs(error)) giveBack();
    throw error;
  });
  giveBack();
  for (const [name, value] of Object.entries(await limitHeaders(deps, mailbox))) c.header(name, value);
  return submitted.status === 202
    ? c.json(draftJson(submitted.draft), 202)
    : c.json(draftJson({ ...submitted.draft, state: "queued" }), 200);
}

/** Not taken for a reason of our own, and to be tried again. */
function isOurs(error: unknown): boolean {
  return !(error instanceof PosternError) || (error.temporary && error.code !== "too_many_requests");
}

/** NY-14: every check, and no row, quota or workflow. The bytes are collected like all that nothing refers to. */
async function dryRun(deps: HttpDeps, caller: Caller, draft: Draft): Promise<z.infer<typeof DryRun>> {
  return holdingBytes(deps, caller, draft.submission, async (written) => {
    const input = inputOf(deps, caller, draft, makeId("drf", deps.random(16)), written.source);
    const frozen = await deps.freezer.freeze(input, { number: 1, ...written, author: caller.key.id });
    if ("invalid" in frozen) throw invalid(frozen.invalid);
    const judged = await deps.screening.judge(input, frozen.revision, frozen.content);
    const { outcome, reason, judged_at, mode, refused, findings } = judged;
    const goes = outcome === "queued" || outcome === "pending_send_approval";
    return {
      status: "dry_run",
      would_send_to: goes ? frozen.content.recipients.map(({ address }) => address) : [],
      decision: { outcome, reason, judged_at, mode, refused: [...refused], findings: findings.map(findingJson) },
    };
  });
}

async function answerable(deps: HttpDeps, caller: Caller, id: string): Promise<MessageRow> {
  const row = await messageOf(deps, caller, id);
  if (row.direction === "inbound" && row.outcome === "delivered") return row;
  throw new PosternError("conflict", "only mail that was delivered can be answered", {
    fix: "send a new draft with `POST /v1/mailboxes/{id}/send`",
  });
}

async function allowAnswer(deny: Deny, caller: Caller, row: MessageRow, capability: MailCapability): Promise<void> {
  if (allowsMail(row.capabilities, capability)) return;
  await deny(caller, { message: row.id, mailbox: row.mailbox, capability, reason: "not_granted" });
  throw new PosternError("capability_denied", `the message does not carry the capability \`${capability}\``, {
    fix:
      capability === "mail.send"
        ? "answer its sender alone, or add it to the sender's rule in the policy"
        : "add it to the sender's rule in the policy",
  });
}

/** Never Reply-To: whoever can write it could lead the answer elsewhere. */
function senderOf(row: MessageRow): string {
  if (row.from !== null) return row.from;
  throw new PosternError("invalid_request", "the message names no one sender", { fix: "say in `to` who is to be answered" });
}
