import { z } from "@hono/zod-openapi";
import { signGrant } from "../grants/sign.ts";
import type { MessageView } from "../mail/reader.ts";
import { INBOUND_OUTCOMES, type FinalOutcome } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import { AUTH_RESULTS } from "../model/message.ts";
import type { MessageRow } from "../store/contract.ts";
import type { Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";
import { timeOf } from "./paging.ts";

const FINAL_OUTCOMES = INBOUND_OUTCOMES.filter((outcome): outcome is FinalOutcome => outcome !== "deferred");

/** Of mail that left: `sent`. What became of it at each recipient its draft says. */
export const MessageOutcomeJson = z.enum([...FINAL_OUTCOMES, "sent"]);

/** RFC 8601 result names; `from_alignment` says which mechanism passed for the domain of `From`. */
export const Verification = z
  .object({
    spf: z.enum(AUTH_RESULTS),
    dkim: z.enum(AUTH_RESULTS),
    dmarc: z.enum(AUTH_RESULTS),
    arc: z.enum(AUTH_RESULTS),
    from_alignment: z.object({ spf: z.boolean(), dkim: z.boolean() }),
  })
  .openapi("Verification");

const summaryShape = {
  id: z.string(),
  mailbox_id: z.string(),
  thread_id: z.string(),
  direction: z.enum(["inbound", "outbound"]),
  outcome: MessageOutcomeJson,
  from: z.string().nullable().openapi({ description: "The one sender the message names; null when that is ambiguous." }),
  from_verified: z.boolean().openapi({ description: "SPF or DKIM proves `from`." }),
  envelope: z.object({ sender: z.string(), recipient: z.string() }).openapi({ description: "What SMTP said; proves nothing." }),
  subject: z.string(),
  received_at: z.string(),
  verification: Verification.nullable(),
  capabilities: z.array(z.string()).openapi({ description: "What the matched rule lets the agent do about this message." }),
  automatic: z.boolean().openapi({ description: "Never answer it automatically." }),
  size: z.int().openapi({ description: "Bytes as received." }),
  digest: z.string().openapi({ description: "SHA-256 of the raw bytes, hex." }),
  tokens_reserved: z.int(),
  tokens_consumed: z.int().nullable().openapi({ description: "Null until reported." }),
};

const SUMMARY_EXAMPLE = {
  id: "msg_1h3k5m7p9r1t3w5y7z9b1d3f",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  thread_id: "thr_1h3k5m7p9r1t3w5y7z9b1d3f",
  direction: "inbound" as const,
  outcome: "delivered" as const,
  from: "boss@acme.example",
  from_verified: true,
  envelope: { sender: "boss@acme.example", recipient: "assistant@acme.example" },
  subject: "Lunch on Friday?",
  received_at: "2026-11-21T10:00:00.000Z",
  verification: {
    spf: "pass" as const,
    dkim: "pass" as const,
    dmarc: "pass" as const,
    arc: "none" as const,
    from_alignment: { spf: true, dkim: true },
  },
  capabilities: ["read_calendar", "propose_meeting"],
  automatic: false,
  size: 2048,
  digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  tokens_reserved: 120,
  tokens_consumed: null,
};

export const MessageSummary = z.object(summaryShape).openapi("MessageSummary", { example: SUMMARY_EXAMPLE });

export const Message = z
  .object({
    ...summaryShape,
    to: z.array(z.string()),
    cc: z.array(z.string()),
    date: z.string().nullable().openapi({ description: "What the sender says; see `received_at`." }),
    text: z
      .string()
      .nullable()
      .openapi({ description: "What a person would read. Null when the raw bytes are no longer kept or cannot be read." }),
    attachments: z.array(z.object({ filename: z.string().nullable(), content_type: z.string(), size: z.int(), sha256: z.string() })),
    grant: z
      .string()
      .nullable()
      .openapi({ description: "For agents, of mail that came in: a compact JWS (EdDSA) that carries the capabilities for 24 hours." }),
    truncated: z.boolean().openapi({ description: "A text is longer than the million characters shown; `/raw` has the whole." }),
    html_text: z.string().nullable().optional().openapi({ description: "For people: the visible text of the HTML alternative." }),
    hidden_text: z.array(z.string()).optional().openapi({ description: "For people: text that a reader of the mail would not see." }),
  })
  .openapi("Message", {
    example: {
      ...SUMMARY_EXAMPLE,
      to: ["assistant@acme.example"],
      cc: [],
      date: "2026-11-21T09:59:58.000Z",
      text: "Shall we have lunch on Friday at noon?",
      attachments: [],
      truncated: false,
      grant: "eyJhbGciOiJFZERTQSIsImtpZCI6IjVmOGgya…",
    },
  });

export function summaryJson(row: MessageRow): z.infer<typeof MessageSummary> {
  return {
    id: row.id,
    mailbox_id: row.mailbox,
    thread_id: row.thread,
    direction: row.direction,
    outcome: row.outcome,
    from: row.from,
    from_verified: row.verified,
    envelope: { sender: row.envelope_sender, recipient: row.recipient },
    subject: row.subject,
    received_at: timeOf(row.received_at),
    verification: row.facts?.verification ?? null,
    capabilities: [...row.capabilities],
    automatic: row.automatic,
    size: row.size,
    digest: row.digest,
    tokens_reserved: row.tokens_reserved,
    tokens_consumed: row.tokens_consumed,
  };
}

/** One message as the caller may see it: agents get the grant, people get what is hidden. */
export async function messageJson(deps: HttpDeps, caller: Caller, row: MessageRow): Promise<z.infer<typeof Message>> {
  const granted = caller.view === "agent" && row.direction === "inbound";
  const [view, grant] = await Promise.all([viewOf(deps, row), granted ? mintGrant(deps, row) : null]);
  return {
    ...summaryJson(row),
    to: [...(view?.to ?? [])],
    cc: [...(view?.cc ?? [])],
    date: view?.date ?? null,
    text: view?.text ?? null,
    attachments: (view?.attachments ?? []).map((attachment) => ({ ...attachment })),
    truncated: view?.truncated ?? false,
    grant,
    ...(caller.view === "all" ? { html_text: view?.html_text ?? null, hidden_text: [...(view?.hidden ?? [])] } : {}),
  };
}

/** Null once the bytes are gone (those of refused mail are not kept), and for what no reader can read: people still see the facts. */
async function viewOf(deps: HttpDeps, { tenant, digest, size }: MessageRow): Promise<MessageView | null> {
  try {
    return await deps.reader.view({ tenant, ref: { digest, size } });
  } catch (error) {
    if (!(error instanceof PosternError) || error.temporary) throw error;
    if (error.code !== "not_found") deps.log.error({ code: error.code, detail: error.detail }, "message cannot be read");
    return null;
  }
}

/** A fresh grant at every read: it says what holds now, for as long as it lives. */
async function mintGrant(deps: HttpDeps, row: MessageRow): Promise<string> {
  const [mailbox, released, judged] = await Promise.all([
    deps.store.run("mailboxes.get", { tenant: row.tenant, id: row.mailbox }),
    deps.store.run("decisions.final", { message: row.id, stage: "release" }),
    deps.store.run("decisions.final", { message: row.id, stage: "inbound" }),
  ]);
  const decision = released ?? judged;
  if (mailbox === null || decision === null) throw new PosternError("internal", "a delivered message has no mailbox or no decision");
  const policy = `${decision.policy.id}@${decision.policy.version}`;
  const subject = { tenant: row.tenant, agent: mailbox.agent_id, mailbox: row.mailbox, message: row.id, thread: row.thread };
  return signGrant(deps.grants, { ...subject, capabilities: row.capabilities, policy }, deps.clock(), deps.random(16));
}
