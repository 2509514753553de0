import { z } from "@hono/zod-openapi";
import { HOLD_STATUSES, type HoldStatus } from "../model/hold.ts";
import type { HoldRow } from "../store/contract-outbound.ts";
import { timeOf } from "./paging.ts";

export const HoldStatusJson = z.enum(HOLD_STATUSES);

/** What waits says in which direction. */
export const PendingStatus = z.enum(["pending_send_approval", "pending_inbound_approval", "approved", "rejected", "expired", "cancelled"]);

export const pendingShape = {
  id: z.string().openapi({ description: "A draft's id, or an inbound message's." }),
  mailbox_id: z.string(),
  direction: z.enum(["inbound", "outbound"]),
  status: PendingStatus,
  reason: z.string().openapi({ description: "Why it waits; a code." }),
  from: z.string().nullable(),
  to: z.array(z.string()),
  subject: z.string(),
  revision: z.int(),
  content_hash: z.string().openapi({ description: "What is decided about." }),
  author: z.string().nullable().openapi({ description: "Key that wrote or last edited it; that key cannot approve it." }),
  approvers: z.array(z.string()).openapi({ description: "Empty: every oversight key that sees the mailbox." }),
  quorum: z.int(),
  approved_by: z.array(z.string()),
  created_at: z.string(),
  remind_at: z.string().nullable(),
  escalate_at: z.string().nullable(),
  expires_at: z.string().openapi({ description: "Ends it; never approves it." }),
  reminded_at: z.string().nullable(),
  escalated_at: z.string().nullable(),
  decided_at: z.string().nullable(),
};

export const PENDING_EXAMPLE = {
  id: "drf_5n7q9s1v3x5z7b9d1f3h5k7m",
  mailbox_id: "mbx_7w3v9k2m5q8r1t4x6z0b2d4f",
  direction: "outbound" as const,
  status: "pending_send_approval" as const,
  reason: "mode_gated_send",
  from: "assistant@acme.example",
  to: ["boss@acme.example"],
  subject: "Friday at noon",
  revision: 1,
  content_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  author: "key_2m4p6r8t0w2y4a6c8e0g2j4m",
  approvers: [],
  quorum: 1,
  approved_by: [],
  created_at: "2026-11-21T10:00:00.000Z",
  remind_at: "2026-11-24T22:00:00.000Z",
  escalate_at: "2026-11-27T00:24:00.000Z",
  expires_at: "2026-11-28T10:00:00.000Z",
  reminded_at: null,
  escalated_at: null,
  decided_at: null,
};

export const Pending = z.object(pendingShape).openapi("Pending", { example: PENDING_EXAMPLE });

export function pendingJson(row: HoldRow): z.infer<typeof Pending> {
  const { times } = row;
  return {
    id: row.id,
    mailbox_id: row.mailbox,
    direction: row.direction,
    status: pendingStatus(row.status, row.direction),
    reason: row.reason,
    from: row.from,
    to: [...row.to],
    subject: row.subject,
    revision: row.revision,
    content_hash: row.content_hash,
    author: row.author,
    approvers: [...row.approvers],
    quorum: row.quorum,
    approved_by: [...row.approved_by],
    created_at: timeOf(row.created_at),
    remind_at: orNull(times.remind_at),
    escalate_at: orNull(times.escalate_at),
    expires_at: timeOf(times.expires_at),
    reminded_at: orNull(row.reminded_at),
    escalated_at: orNull(row.escalated_at),
    decided_at: orNull(row.decided_at),
  };
}

export function pendingStatus(status: HoldStatus, direction: HoldRow["direction"]): z.infer<typeof PendingStatus> {
  if (status !== "waiting") return status;
  return direction === "outbound" ? "pending_send_approval" : "pending_inbound_approval";
}

function orNull(at: number | null): string | null {
  return at === null ? null : timeOf(at);
}
