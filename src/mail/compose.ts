import { MAIL_LIMITS } from "./limits.ts";
import { attachmentParts } from "./compose-attachments.ts";
import { composeFields } from "./compose-fields.ts";
import { readRecipients } from "./compose-recipients.ts";
import { readSubmission } from "./compose-source.ts";
import { readLine, readText } from "./compose-text.ts";
import type { Composed, ComposeFrame, InvalidDraft } from "./composer.ts";
import { renderMarkdown } from "./markdown.ts";
import { encodeText } from "./mime-text.ts";
import { contentType, formatMessage, type Leaf, type Multipart } from "./mime.ts";
import type { Problem } from "../model/errors.ts";
import { SUBMISSION_LIMITS } from "../model/outbound.ts";

/**
 * The finished MIME of a submission (DESIGN §4.2): 7-bit safe, no Date, no Bcc, boundaries from the frame's seed.
 * INVARIANT: the same source and frame give the same bytes, for ever: an approval is for their hash. What the author got
 * wrong is listed; throws only for a frame or a source that no door of ours made.
 */
export function composeMail(source: Buffer, frame: ComposeFrame): Composed | InvalidDraft {
  const submission = readSubmission(source);
  const problems: Problem[] = [];
  const recipients = readRecipients(submission, problems);
  const subject = readLine(submission.subject, "subject", SUBMISSION_LIMITS.subjectCharacters, problems);
  const texts = readTexts(submission, problems);
  const attachments = attachmentParts(submission.attachments, frame.kind ?? "draft", problems);
  if (texts === null || problems.length > 0) return invalid(problems);
  const fields = composeFields(frame, recipients, subject);
  if (sizeOf(fields) > HEADER_BYTES) return invalid([HEADER_TOO_LARGE]);
  const mime = formatMessage(fields, withAttachments(alternatives(texts), attachments), frame.seed);
  if (mime.length > MIME_BYTES) return invalid([MAIL_TOO_LARGE]);
  return { mime, recipients: recipients.map(({ kind, address }) => ({ kind, address })), subject };
}

/** Problems told at once; a draft with a hundred bad recipients has one problem. */
const PROBLEMS = 20;

function invalid(problems: readonly Problem[]): InvalidDraft {
  return { invalid: problems.slice(0, PROBLEMS) };
}

interface Texts {
  readonly text: string;
  readonly html: string;
}

function readTexts(submission: { readonly markdown: string; readonly text: string | null }, problems: Problem[]): Texts | null {
  const markdown = readText(submission.markdown, "markdown", problems);
  const text = submission.text === null ? null : readText(submission.text, "text", problems);
  if (markdown === null) return null;
  const rendered = renderMarkdown(markdown);
  if (rendered === null) problems.push(TOO_COMPLEX);
  return rendered === null ? null : { html: rendered.html, text: text ?? rendered.text };
}

function alternatives({ text, html }: Texts): Multipart {
  return { subtype: "alternative", parts: [textPart("text/plain", text), textPart("text/html", html)] };
}

function textPart(type: "text/plain" | "text/html", text: string): Leaf {
  const { encoding, body } = encodeText(text);
  return { fields: [contentType(type, { charset: "utf-8" }), `Content-Transfer-Encoding: ${encoding}`], body };
}

function withAttachments(texts: Multipart, attachments: readonly Leaf[]): Multipart {
  return attachments.length === 0 ? texts : { subtype: "mixed", parts: [texts, ...attachments] };
}

/** Of the 64 KiB a gate like ours takes; the rest is for what is prepended at sending and by relays. */
const HEADER_BYTES = 40 * 1024;
/** Our own limit, less the sealed header. */
const MIME_BYTES = MAIL_LIMITS.size - 32 * 1024;

function sizeOf(fields: readonly string[]): number {
  return fields.reduce((size, field) => size + field.length + 2, 0);
}

const TOO_COMPLEX: Problem = {
  path: "markdown",
  message: "is nested too deeply or too large to render; fix: use fewer levels and smaller tables, or attach the document",
};
const HEADER_TOO_LARGE: Problem = {
  path: "to",
  message: `makes a header over ${HEADER_BYTES / 1024} KiB with the other recipients; fix: leave out display names, or send to fewer people at once`,
};
const MAIL_TOO_LARGE: Problem = {
  path: "attachments",
  message: "make the mail over 25 MiB; fix: attach less",
};
