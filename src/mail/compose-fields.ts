import { parseAddress } from "./address.ts";
import type { NamedRecipient } from "./compose-recipients.ts";
import type { ComposeFrame } from "./composer.ts";
import { formatField, formatPhrase, formatTextField } from "./mime-words.ts";
import { PosternError } from "../model/errors.ts";

/** Header fields that are frozen with the content. No Date and no Bcc, whatever was submitted; From is the mailbox. */
export function composeFields(frame: ComposeFrame, recipients: readonly NamedRecipient[], subject: string): readonly string[] {
  const { from, message_id, reply } = frame;
  if (parseAddress(from) === null || !isMessageId(message_id)) throw new PosternError("internal", "the frame of a draft is not usable");
  return [
    formatField("From", [from]),
    toField(recipients.filter(({ kind }) => kind === "to")),
    addressField("Cc", recipients.filter(({ kind }) => kind === "cc")), // prettier-ignore
    subject === "" ? null : formatTextField("Subject", subject),
    formatField("Message-ID", [`<${message_id}>`]),
    ...(reply === null ? [] : replyFields(reply)),
    frame.kind === "copy" ? "Auto-Submitted: auto-generated" : null,
  ].filter((field) => field !== null);
}

type Named = Pick<NamedRecipient, "name" | "address">;

/** RFC 5322 §3.6.3 lets To be absent; filters of mail do not like it. */
function toField(recipients: readonly NamedRecipient[]): string {
  return addressField("To", recipients) ?? "To: undisclosed-recipients:;";
}

/** Null without addresses. */
export function addressField(name: string, recipients: readonly Named[]): string | null {
  if (recipients.length === 0) return null;
  const entries = recipients.map(addressWords);
  return formatField(name, entries.flatMap((words, index) => (index < entries.length - 1 ? ended(words) : words))); // prettier-ignore
}

function addressWords({ name, address }: Named): readonly string[] {
  return name === "" ? [address] : [...formatPhrase(name), `<${address}>`];
}

function ended(words: readonly string[]): string[] {
  return words.map((word, index) => (index === words.length - 1 ? `${word},` : word));
}

function replyFields({ in_reply_to, references }: NonNullable<ComposeFrame["reply"]>): (string | null)[] {
  const thread = [...new Set([...references, in_reply_to].filter(isMessageId))].map((id) => `<${id}>`);
  return [
    isMessageId(in_reply_to) ? formatField("In-Reply-To", [`<${in_reply_to}>`]) : null,
    thread.length === 0 ? null : formatField("References", bounded(thread)),
  ];
}

/** Characters of References. */
const REFERENCES = 998;

/** The first names the thread, the last ones its newest branch; what does not fit in between is left out (RFC 5322 §3.6.4). */
function bounded(ids: readonly string[]): string[] {
  const [first = "", ...rest] = ids;
  const last: string[] = [];
  let left = REFERENCES - first.length;
  for (const id of rest.toReversed()) {
    left -= id.length + 1;
    if (left < 0) break;
    last.unshift(id);
  }
  return [first, ...last];
}

/** Longest Message-ID that is repeated, so that its line stays well under 998. */
const MESSAGE_ID = 500;

/** Printable ASCII without brackets: what a stranger called a Message-ID goes into our header. */
export function isMessageId(id: string): boolean {
  return id.length <= MESSAGE_ID && /^[!-;=?-~]+$/.test(id);
}
