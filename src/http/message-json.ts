import { z } from "@hono/zod-openapi";
import { agentMessage, shownOf, summaryOf, viewOf, type ReadingDeps } from "../delivery/message.ts";
import { INBOUND_OUTCOMES, type FinalOutcome } from "../model/decision.ts";
import { AUTH_RESULTS, MESSAGE_SOURCES } from "../model/message.ts";
import type { MessageRow } from "../store/contract.ts";
import type { Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";

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
  source: z.enum(MESSAGE_SOURCES).nullable().openapi({
    description: "How it came in; `parsed`: composed here from parts that the holder of a key named. Null for what left.",
  }),
  outcome: MessageOutcomeJson,
  from: z.string().nullable().openapi({ description: "The one sender the message names; null when that is ambiguous." }),
  from_verified: z.boolean().openapi({ description: "SPF or DKIM proves `from`." }),
  envelope: z.object({ sender: z.string(), recipient: z.string() }).openapi({ description: "What SMTP said; proves nothing." }),
  subject: z.string(),
  received_at: z.string(),
  verification: Verification.nullable(),
  capabilities: z.array(z.string()).openapi({ description: "What the matched rule lets the agent do about this message." }),
  injection_score: z.number().nullable().openapi({ description: "Null: nobody has scored it." }),
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
  source: "smtp" as const,
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
  injection_score: null,
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
  return summaryOf(row);
}

/** One message as the caller may see it: agents get the grant, people get what is hidden. */
export async function messageJson(deps: HttpDeps, caller: Caller, row: MessageRow): Promise<z.infer<typeof Message>> {
  const reading = readingOf(deps);
  if (caller.view === "agent") return agentMessage(reading, row, { at: deps.clock(), nonce: deps.random(16) });
  const view = await viewOf(reading, row);
  const hidden = { html_text: view?.html_text ?? null, hidden_text: [...(view?.hidden ?? [])] };
  return { ...summaryOf(row), ...shownOf(view), grant: null, ...hidden };
}

function readingOf({ store, reader, grants, log }: HttpDeps): ReadingDeps {
  return { store, reader, grants, onUnreadable: ({ code, detail }) => log.error({ code, detail }, "message cannot be read") };
}
