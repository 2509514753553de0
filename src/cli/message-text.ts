import type { FinalOutcome } from "../model/decision.ts";
import type { Verification } from "../model/message.ts";
import { formatVerification, paintOutcome } from "./decision-text.ts";
import type { Session } from "./session.ts";
import { formatFields, type Column } from "./table.ts";
import { printableLines } from "./text.ts";
import { formatTime, shortTime } from "./time.ts";

/** One line of a list, as far as people are shown of it. */
export interface Summary {
  readonly id: string;
  readonly thread_id: string;
  readonly outcome: FinalOutcome;
  readonly from: string | null;
  readonly from_verified: boolean;
  readonly envelope: { readonly sender: string; readonly recipient: string };
  readonly subject: string;
  readonly received_at: string;
  readonly verification: Verification | null;
  readonly capabilities: readonly string[];
  readonly size: number;
  readonly tokens_reserved: number;
  readonly tokens_consumed: number | null;
}

export interface Message extends Summary {
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly text: string | null;
  readonly hidden_text?: readonly string[];
  readonly attachments: readonly { readonly filename: string | null; readonly content_type: string; readonly size: number }[];
}

export function messageColumns(session: Session): readonly Column<Summary>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "RECEIVED (UTC)", value: ({ received_at }) => shortTime(received_at) },
    { title: "OUTCOME", value: ({ outcome }) => outcome, style: (text, { outcome }) => paintOutcome(session, text, outcome) },
    { title: "FROM", value: (message) => sender(message), min: 14 },
    { title: "SUBJECT", value: ({ subject }) => subject, min: 14 },
  ];
}

/** Envelope and facts, then the text as its reader would see it. */
export function formatMessage(message: Message, cells: number | null): string {
  const { verification, tokens_consumed, hidden_text = [] } = message;
  const fields = formatFields(
    [
      ["id", message.id],
      ["thread", message.thread_id],
      ["received", formatTime(message.received_at)],
      ["outcome", message.outcome],
      ["from", sender(message)],
      ["to", list(message.to)],
      ["cc", list(message.cc)],
      ["envelope", `from <${message.envelope.sender}> to <${message.envelope.recipient}>`],
      ["subject", message.subject],
      ["verification", verification === null ? null : formatVerification(verification)],
      ["capabilities", list(message.capabilities) ?? "none"],
      ["tokens", `${message.tokens_reserved} reserved${tokens_consumed === null ? "" : `, ${tokens_consumed} used`}`],
      ["size", `${message.size} bytes`],
      [
        "attachments",
        list(
          message.attachments.map(({ filename, content_type, size }) => `${filename ?? "unnamed"} (${content_type}, ${size} bytes)`),
          ", ",
        ),
      ],
      [
        "hidden",
        hidden_text.length === 0
          ? null
          : `${hidden_text.length} ${hidden_text.length === 1 ? "text" : "texts"} that a reader would not see, shown with --json`,
      ],
    ],
    cells,
  );
  return `${fields}\n\n${message.text === null ? "(the text is no longer kept)" : printableLines(message.text).trimEnd()}`;
}

function list(texts: readonly string[], separator = " "): string | null {
  return texts.length === 0 ? null : texts.join(separator);
}

function sender({ from, from_verified }: Summary): string {
  if (from === null) return "ambiguous";
  return from_verified ? from : `${from} (unverified)`;
}
