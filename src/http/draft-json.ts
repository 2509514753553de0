import { z } from "@hono/zod-openapi";
import { DRAFT_STATES, MODES, type RecipientKind } from "../model/outbound.ts";
import type { DeliveryRow, DraftRow } from "../store/contract-outbound.ts";
import { AttemptJson } from "./attempt-json.ts";
import { timeOf } from "./paging.ts";

export const DraftStateJson = z.enum(DRAFT_STATES);

const Delivery = z
  .object({
    recipient: z.string(),
    state: z.enum(["pending", "accepted", "deferred", "refused", "unknown"]),
    code: z.int().nullable().openapi({ description: "SMTP reply code of the last attempt that reached it." }),
    enhanced: z.string().nullable().openapi({ description: "Enhanced status code, RFC 3463." }),
    reply: z.string().nullable(),
    attempt: z.int(),
    at: z.string(),
  })
  .openapi("Delivery");

export const DRAFT_EXAMPLE = {
  id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m",
  message_id: "msg_5n7q9s1v3x5z7b9d1f3h5k7m",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  thread_id: "thr_5n7q9s1v3x5z7b9d1f3h5k7m",
  status: "pending_send_approval" as const,
  reason: "mode_gated_send",
  mode: "gated_send" as const,
  subject: "Friday at noon",
  to: ["boss@acme.example"],
  cc: [],
  bcc: [],
  revision: 1,
  content_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  decision_id: "dec_3m5p7r9t1v3x5z7b9d1f3h5k",
  in_reply_to: null,
  send_at: null,
  created_at: "2026-11-21T10:00:00.000Z",
  updated_at: "2026-11-21T10:00:00.000Z",
  deliveries: [],
  attempts: [],
};

export const DraftJson = z
  .object({
    id: z.string(),
    message_id: z.string(),
    mailbox_id: z.string(),
    thread_id: z.string(),
    status: DraftStateJson,
    reason: z.string().openapi({ description: "Why it is there; a code." }),
    mode: z.enum(MODES).openapi({ description: "Oversight mode it is judged by." }),
    subject: z.string(),
    to: z.array(z.string()),
    cc: z.array(z.string()),
    bcc: z.array(z.string()),
    revision: z.int(),
    content_hash: z.string().openapi({ description: "What an approval is for: recipients and bytes of this revision." }),
    decision_id: z.string().openapi({ description: "Explained by `GET /v1/decisions/{id}/explain`." }),
    in_reply_to: z.string().nullable(),
    send_at: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    deliveries: z.array(Delivery).openapi({ description: "One a recipient; empty in lists." }),
    attempts: z.array(AttemptJson).openapi({ description: "Who did what to it, and why. For people: empty for agents, and in lists." }),
  })
  .openapi("Draft", { example: DRAFT_EXAMPLE });

export function draftJson(
  draft: DraftRow,
  deliveries: readonly DeliveryRow[] = [],
  attempts: z.infer<typeof AttemptJson>[] = [],
): z.infer<typeof DraftJson> {
  const { revision } = draft;
  const named = (kind: RecipientKind): string[] => revision.recipients.filter((one) => one.kind === kind).map(({ address }) => address);
  return {
    id: draft.id,
    message_id: draft.message,
    mailbox_id: draft.mailbox,
    thread_id: draft.thread,
    status: draft.state,
    reason: draft.reason,
    mode: draft.mode,
    subject: revision.subject,
    to: named("to"),
    cc: named("cc"),
    bcc: named("bcc"),
    revision: revision.number,
    content_hash: revision.content_hash,
    decision_id: draft.decision,
    in_reply_to: draft.in_reply_to,
    send_at: draft.send_at === null ? null : timeOf(draft.send_at),
    created_at: timeOf(draft.created_at),
    updated_at: timeOf(draft.updated_at),
    deliveries: deliveries.map(deliveryJson),
    attempts,
  };
}

function deliveryJson({ recipient, state, code, enhanced, reply, attempt, at }: DeliveryRow): z.infer<typeof Delivery> {
  return { recipient, state, code, enhanced, reply, attempt, at: timeOf(at) };
}
