import type { Attempt } from "./attempt-text.ts";
import type { Verification } from "../model/message.ts";
import type { Finding } from "./decision-text.ts";
import type { Content } from "./pending-content.ts";
import type { Paint, Session } from "./session.ts";
import type { Column } from "./table.ts";
import { shortTime } from "./time.ts";

/** What waits for people, as the HTTP door lists it. */
export interface Pending {
  readonly id: string;
  readonly mailbox_id: string;
  readonly direction: "inbound" | "outbound";
  readonly status: string;
  readonly reason: string;
  readonly from: string | null;
  readonly to: readonly string[];
  readonly subject: string;
  readonly revision: number;
  readonly content_hash: string;
  readonly author: string | null;
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly approved_by: readonly string[];
  readonly created_at: string;
  readonly expires_at: string;
  readonly reminded_at: string | null;
  readonly escalated_at: string | null;
  readonly decided_at: string | null;
}

export interface PendingDetail extends Pending {
  readonly recipients: readonly { readonly kind: "to" | "cc" | "bcc"; readonly address: string }[];
  readonly content: Content | null;
  readonly decision: { readonly id: string; readonly outcome: string; readonly reason: string; readonly judged_at: string } | null;
  readonly findings: readonly (Finding & { readonly redacted?: string })[];
  readonly verification: Verification | null;
  readonly mode: string | null;
  readonly tainted: boolean;
  readonly automatic_source: boolean;
  readonly new_domains: readonly string[];
  readonly attempts: readonly Attempt[];
  readonly revisions: readonly Revision[];
}

export interface Revision {
  readonly number: number;
  readonly author: string;
  readonly created_at: string;
  readonly changes: readonly { readonly op: "kept" | "removed" | "added" | "skipped"; readonly text: string }[] | null;
}

export function isWaiting({ status }: Pick<Pending, "status">): boolean {
  return status.startsWith("pending_");
}

export function pendingColumns({ paint }: Session): readonly Column<Pending>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "SINCE (UTC)", value: ({ created_at }) => shortTime(created_at) },
    { title: "WHICH", value: ({ direction }) => (direction === "outbound" ? "to" : "from") },
    { title: "WHO", value: (item) => otherSide(item), min: 12 },
    { title: "SUBJECT", value: ({ subject }) => subject, min: 12 },
    {
      title: "WHY",
      value: (item) => (isWaiting(item) ? item.reason : item.status),
      min: 10,
      style: (text, item) => paintHold(paint, text, item),
    },
    { title: "OK", value: ({ approved_by, quorum }) => `${approved_by.length}/${quorum}` },
  ];
}

/** Who is written to, or who has written. */
export function otherSide({ direction, from, to }: Pending): string {
  return direction === "outbound" ? to.join(" ") : (from ?? "ambiguous");
}

export function paintHold(paint: Paint, text: string, { status }: Pick<Pending, "status">): string {
  if (status === "approved") return paint("green", text);
  return paint(status.startsWith("pending_") ? "yellow" : "red", text);
}
