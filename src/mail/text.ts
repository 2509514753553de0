import { readHtml } from "./html.ts";
import { reveal } from "./invisible.ts";
import type { ParsedAttachment, ParsedMail } from "./parse.ts";
import { wellFormed } from "./wellformed.ts";

/**
 * What is written in a message, by place. Guards look at `written` and `hidden`; an agent gets `subject` and `agent` only.
 * INVARIANT: nothing of `hidden` is in `agent` because it was hidden.
 */
export interface TextViews {
  /** As the sender wrote it, invisible characters in their places. */
  readonly written: WrittenTexts;
  /** Here and below without invisible characters. */
  readonly subject: string;
  /** The plain part; empty when there is none. It and the HTML part may say different things. */
  readonly text: string;
  /** What a person sees of the HTML part. */
  readonly html: string;
  /** What a person would not see: hidden HTML, comments, invisible characters decoded. */
  readonly hidden: readonly string[];
  /** What a reader gets: the plain part, else the visible HTML. */
  readonly agent: string;
}

export interface WrittenTexts {
  readonly subject: string;
  readonly text: string;
  /** What a person sees of the HTML part. */
  readonly html: string;
  /** Names and text of attachments and of attached messages. */
  readonly attachments: readonly string[];
}

export function textViews(mail: ParsedMail): TextViews {
  const { visible, hidden } = readHtml(mail.html ?? "");
  const attachments = mail.attachments.flatMap(attachmentTexts);
  const written = { subject: mail.subject, text: mail.text ?? "", html: wellFormed(visible, Infinity), attachments };
  const [subject, text, html] = [reveal(written.subject), reveal(written.text), reveal(written.html)];
  return {
    written,
    subject: subject.text,
    text: text.text,
    html: html.text,
    hidden: [...[subject, text, html].flatMap((part) => part.hidden), ...hidden.map((stretch) => wellFormed(stretch, Infinity))],
    agent: text.text.trim() === "" ? html.text : text.text,
  };
}

function attachmentTexts(attachment: ParsedAttachment): string[] {
  const own = [attachment.filename, attachment.text].filter((text) => text !== null && text !== "") as string[];
  return attachment.message === null ? own : [...own, ...messageTexts(attachment.message)];
}

/** All of an attached message: what is hidden in it is hidden once more by being attached. */
function messageTexts(mail: ParsedMail): string[] {
  const { written, hidden } = textViews(mail);
  return [written.subject, written.text, written.html, ...hidden, ...written.attachments].filter((text) => text !== "");
}
