import { z } from "@hono/zod-openapi";
import type { Decision } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import { foldRecipient } from "../model/fold.ts";
import { isId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import { MODES, type Recipient } from "../model/outbound.ts";
import type { DraftRow, HoldRow } from "../store/contract-outbound.ts";
import { AttemptJson, attemptsOf } from "./attempt-json.ts";
import { FindingJson, findingJson } from "./decision-json.ts";
import type { HttpDeps } from "./deps.ts";
import { Verification } from "./message-json.ts";
import { type Pending, pendingJson, pendingShape, PENDING_EXAMPLE } from "./pending-json.ts";
import { RevisionJson, revisionsOf } from "./pending-revisions.ts";

const Content = z
  .object({
    subject: z.string(),
    text: z.string(),
    html_text: z.string().nullable(),
    links: z.array(
      z.object({ text: z.string(), href: z.string(), differs: z.boolean().openapi({ description: "The text names another place." }) }),
    ),
    hidden: z.array(z.string()).openapi({ description: "Text that a reader of the mail would not see." }),
    attachments: z.array(z.object({ filename: z.string().nullable(), content_type: z.string(), size: z.int(), sha256: z.string() })),
    truncated: z.boolean(),
  })
  .openapi("PendingContent", { description: "Characters without a shape are spelled out like `⟦U+200B⟧`." });

/** All that a person needs who decides. */
export const PendingDetail = z
  .object({
    ...pendingShape,
    recipients: z.array(z.object({ kind: z.enum(["to", "cc", "bcc"]), address: z.string() })),
    content: Content.nullable().openapi({ description: "Null when the bytes are no longer kept." }),
    decision: z
      .object({ id: z.string(), outcome: z.string(), reason: z.string(), judged_at: z.string(), at: z.string() })
      .nullable()
      .openapi({ description: "The one that made it wait, or that ended it." }),
    findings: z.array(FindingJson.extend({ redacted: z.string().optional() })),
    verification: Verification.nullable().openapi({ description: "Of mail that came in." }),
    mode: z.enum(MODES).nullable(),
    tainted: z.boolean().openapi({ description: "The thread holds mail whose sender nobody has proved, or that was quarantined." }),
    automatic_source: z.boolean().openapi({ description: "It answers mail that a machine sent." }),
    new_domains: z.array(z.string()).openapi({ description: "Domains this mailbox has never sent to." }),
    attempts: z.array(AttemptJson),
    revisions: z.array(RevisionJson),
  })
  .openapi("PendingDetail", {
    example: {
      ...PENDING_EXAMPLE,
      recipients: [{ kind: "to", address: "boss@acme.example" }],
      content: null,
      decision: null,
      findings: [],
      verification: null,
      mode: "gated_send",
      tainted: false,
      automatic_source: false,
      new_domains: ["acme.example"],
      attempts: [],
      revisions: [],
    },
  });

type Detail = z.infer<typeof PendingDetail>;

export async function pendingDetail(deps: HttpDeps, row: HoldRow): Promise<Detail> {
  const { tenant, id } = row;
  const [own, attempts] = await Promise.all([isId("drf", id) ? ofDraft(deps, row) : ofInbound(deps, row), attemptsOf(deps, tenant, id)]);
  return { ...pendingJson(row), ...own, attempts };
}

type Own = Omit<Detail, keyof z.infer<typeof Pending> | "attempts">;

async function ofDraft(deps: HttpDeps, { tenant, id }: HoldRow): Promise<Own> {
  const draft = isId("drf", id) ? await deps.store.run("drafts.get", { tenant, id }) : null;
  if (draft === null) throw new PosternError("internal", "a hold without its draft");
  const [shown, decided, known, revisions] = await Promise.all([
    contentOf(deps, tenant, draft.revision.mime),
    deps.store.run("decisions.get", { tenant, id: draft.decision }),
    knownOf(deps, draft),
    revisionsOf(deps, tenant, draft.id),
  ]);
  const { findings = [] } = decided?.decision ?? {};
  const redacted = (shown?.redacted ?? []).map(({ finding, preview }) => ({ ...findingJson(finding), redacted: preview }));
  // What guards see now, each with a piece of it; of the decision's own only whom it is refused for is not in the bytes.
  const others = findings.filter(({ guard }) => !redacted.some((one) => one.guard === guard)).map(findingJson);
  return {
    recipients: draft.revision.recipients.map((recipient) => ({ ...recipient })),
    content: shown?.content ?? null,
    decision: decided === null ? null : decisionOf(decided.decision),
    findings: [...redacted, ...others],
    verification: null,
    mode: draft.mode,
    ...known,
    revisions,
  };
}

async function knownOf(deps: HttpDeps, draft: DraftRow): Promise<Pick<Own, "tainted" | "automatic_source" | "new_domains">> {
  const { tenant, mailbox, id, thread, author, in_reply_to, revision } = draft;
  const recipients = revision.recipients.map(({ address }) => foldRecipient(address));
  const question = { tenant, mailbox, draft: id, thread, author, in_reply_to, recipients, at: deps.clock() };
  const facts = await deps.store.run("outbound.facts", question);
  if (facts === null) return { tainted: false, automatic_source: false, new_domains: [] };
  const { tainted, automatic_source, new_domains } = facts;
  return { tainted, automatic_source, new_domains: [...new_domains] };
}

async function ofInbound(deps: HttpDeps, { tenant, id, to }: HoldRow): Promise<Own> {
  const message = isId("msg", id) ? await deps.store.run("messages.get", { tenant, id, view: "all" }) : null;
  if (message === null) throw new PosternError("internal", "a hold without its message");
  const { digest, size } = message;
  const [shown, judged, released] = await Promise.all([
    contentOf(deps, tenant, { digest, size }),
    deps.store.run("decisions.final", { message: message.id, stage: "inbound" }),
    deps.store.run("decisions.final", { message: message.id, stage: "release" }),
  ]);
  const decision = released ?? judged;
  return {
    recipients: to.map((address): Recipient => ({ kind: "to", address })),
    content: shown?.content ?? null,
    decision: decision === null ? null : decisionOf(decision),
    findings: (judged?.findings ?? []).map(findingJson),
    verification: judged?.verification ?? null,
    mode: null,
    tainted: !message.verified,
    automatic_source: message.automatic,
    new_domains: [],
    revisions: [],
  };
}

function decisionOf({ id, outcome, reason, judged_at, at }: Omit<Decision, "outcome"> & { readonly outcome: string }): Own["decision"] {
  return { id, outcome, reason, judged_at, at };
}

interface Shown {
  readonly content: z.infer<typeof Content>;
  readonly redacted: Awaited<ReturnType<HttpDeps["composer"]["preview"]>>["redacted"];
}

/** Null once the bytes are gone, and for what cannot be read: people still see the facts. */
async function contentOf(deps: HttpDeps, tenant: HoldRow["tenant"], ref: MessageRef): Promise<Shown | null> {
  try {
    const { redacted, links, hidden, attachments, ...content } = await deps.composer.preview({ tenant, ref });
    const lists = { links: [...links], hidden: [...hidden], attachments: [...attachments] };
    return { content: { ...content, ...lists }, redacted };
  } catch (error) {
    if (!(error instanceof PosternError) || error.temporary) throw error;
    if (error.code !== "not_found") deps.log.error({ code: error.code, detail: error.detail }, "mail that waits cannot be shown");
    return null;
  }
}
