import type { DraftState } from "../model/outbound.ts";
import { attemptField, type Attempt } from "./attempt-text.ts";
import { spaced } from "./decision-text.ts";
import type { Colour, Paint, Session } from "./session.ts";
import { formatFields, type Column } from "./table.ts";
import { fold } from "./text.ts";
import { formatTime, shortTime } from "./time.ts";

/** The HTTP door's draft, as far as people are shown of it. */
export interface Draft {
  readonly id: string;
  readonly message_id: string;
  readonly mailbox_id: string;
  readonly thread_id: string;
  readonly status: DraftState;
  readonly reason: string;
  readonly mode: string;
  readonly subject: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly revision: number;
  readonly content_hash: string;
  readonly decision_id: string;
  readonly in_reply_to: string | null;
  readonly send_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly deliveries: readonly Delivery[];
  /** Empty for agents. */
  readonly attempts: readonly Attempt[];
}

export interface Delivery {
  readonly recipient: string;
  readonly state: "pending" | "accepted" | "deferred" | "refused" | "unknown";
  readonly code: number | null;
  readonly enhanced: string | null;
  readonly reply: string | null;
  readonly attempt: number;
  readonly at: string;
}

export function draftColumns({ paint }: Session): readonly Column<Draft>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "CREATED (UTC)", value: ({ created_at }) => shortTime(created_at) },
    { title: "STATUS", value: ({ status }) => status, style: (text, { status }) => paintState(paint, text, status) },
    { title: "TO", value: ({ to, cc, bcc }) => [...to, ...cc, ...bcc].join(" "), min: 14 },
    { title: "SUBJECT", value: ({ subject }) => subject, min: 14 },
  ];
}

/** The draft, what became of it at each recipient, and what people said. */
export function formatDraft({ cells }: Session, draft: Draft): string {
  const fields = formatFields(
    [
      ["id", draft.id],
      ["status", draft.status],
      ["reason", spaced(draft.reason)],
      ["mode", draft.mode],
      ["to", list(draft.to)],
      ["cc", list(draft.cc)],
      ["bcc", list(draft.bcc)],
      ["subject", draft.subject],
      ["not before", draft.send_at === null ? null : formatTime(draft.send_at)],
      ["answers", draft.in_reply_to],
      ["thread", draft.thread_id],
      ["message", draft.message_id],
      ["decision", draft.decision_id],
      ["revision", String(draft.revision)],
      ["content", draft.content_hash],
      ["created", formatTime(draft.created_at)],
      ["updated", formatTime(draft.updated_at)],
    ],
    cells,
  );
  const more = [formatFields(draft.deliveries.map(deliveryField), cells), formatFields(draft.attempts.map(attemptField), cells, fold)];
  return [fields, ...more.filter((part) => part !== "")].join("\n\n");
}

function deliveryField({ recipient, state, code, enhanced, reply, attempt, at }: Delivery): [string, string] {
  // A next hop's own words begin with its enhanced code.
  const words = enhanced !== null && reply?.startsWith(enhanced) ? [code, reply] : [code, enhanced, reply];
  const said = words.filter((part) => part !== null && part !== "").join(" ");
  const tried = attempt === 0 ? "" : ` at attempt ${attempt}, ${formatTime(at)}`;
  return [recipient, `${state}${tried}${said === "" ? "" : `: ${said}`}`];
}

/** What whoever submitted may want to type next; null: nothing. */
export function nextStep({ id, status }: Draft): string | null {
  switch (status) {
    case "pending_send_approval":
      return `it waits for people: \`postern pending show ${id}\` with a key of theirs`;
    case "queued":
    case "sending":
      return `see what becomes of it: \`postern drafts show ${id}\``;
    case "unknown":
      return `whether it arrived is not known: \`postern pending settle ${id} --as sent|failed\` or \`postern pending resend ${id}\``;
    default:
      return null;
  }
}

export function paintState(paint: Paint, text: string, status: DraftState): string {
  return paint(colourOf(status), text);
}

function colourOf(status: DraftState): Colour {
  switch (status) {
    case "sent":
    case "delivered":
      return "green";
    case "pending_send_approval":
    case "queued":
    case "sending":
      return "yellow";
    case "unknown":
    case "bounced":
    case "complained":
    case "blocked":
    case "rejected":
    case "expired":
    case "cancelled":
    case "failed":
      return "red";
    default:
      return status satisfies never;
  }
}

function list(texts: readonly string[]): string | null {
  return texts.length === 0 ? null : texts.join(" ");
}
