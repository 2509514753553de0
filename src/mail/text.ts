import { readHtml } from "./html.ts";
import { reveal, type InvisibleCount } from "./invisible.ts";
import type { ParsedAttachment, ParsedMail } from "./parse.ts";
import { wellFormed } from "./wellformed.ts";

/**
 * What is written in a message, by place. Guards look at all of it; an agent gets `subject` and `agent` only.
 * INVARIANT: nothing of `hidden` is in `agent` because it was hidden.
 */
export interface TextViews {
  readonly subject: string;
  /** The plain part; empty when there is none. It and the HTML part may say different things. */
  readonly text: string;
  /** What a person sees of the HTML part. */
  readonly html: string;
  /** What a person would not see: hidden HTML, comments, invisible characters decoded. */
  readonly hidden: readonly string[];
  /** Names and text of attachments and of attached messages. */
  readonly attachments: readonly string[];
  /** What a reader gets: the plain part, else the visible HTML. */
  readonly agent: string;
  readonly invisible: InvisibleCount;
}

export function textViews(mail: ParsedMail): TextViews {
  const html = readHtml(mail.html ?? "");
  const subject = reveal(mail.subject);
  const text = reveal(mail.text ?? "");
  const visible = reveal(html.visible);
  const parts = [subject, text, visible];
  return {
    subject: subject.text,
    text: text.text,
    html: wellFormed(visible.text, Infinity),
    hidden: [...parts.flatMap((part) => part.hidden), ...html.hidden.map((stretch) => wellFormed(stretch, Infinity))],
    attachments: mail.attachments.flatMap(attachmentTexts),
    agent: text.text.trim() === "" ? wellFormed(visible.text, Infinity) : text.text,
    invisible: sum(parts.map((part) => part.invisible)),
  };
}

function attachmentTexts(attachment: ParsedAttachment): string[] {
  const own = [attachment.filename, attachment.text].filter((text) => text !== null && text !== "") as string[];
  return attachment.message === null ? own : [...own, ...messageTexts(attachment.message)];
}

/** All of an attached message: what is hidden in it is hidden once more by being attached. */
function messageTexts(mail: ParsedMail): string[] {
  const views = textViews(mail);
  return [views.subject, views.text, views.html, ...views.hidden, ...views.attachments].filter((text) => text !== "");
}

function sum(counts: readonly InvisibleCount[]): InvisibleCount {
  const total = (kind: keyof InvisibleCount): number => counts.reduce((all, count) => all + count[kind], 0);
  return { tags: total("tags"), zero_width: total("zero_width"), bidi: total("bidi"), selectors: total("selectors") };
}
