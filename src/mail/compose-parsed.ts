import { TYPE } from "./compose-attachments.ts";
import { addressField, isMessageId } from "./compose-fields.ts";
import { parseRecipient } from "./compose-recipients.ts";
import { hasControl, quoted, readLine } from "./compose-text.ts";
import type { InvalidDraft } from "./composer.ts";
import { formatParameter } from "./mime-parameter.ts";
import { encodeText, wrapBase64 } from "./mime-text.ts";
import { formatField, formatTextField } from "./mime-words.ts";
import { contentType, formatMessage, type Entity, type Leaf } from "./mime.ts";
import type { Problem } from "../model/errors.ts";
import type { Verification } from "../model/message.ts";

/** A message as a bridge names its parts. Nothing here is believed: it is what a stranger wrote, in another form. */
export interface ParsedMessage {
  /** `a@b.example` or `Name <a@b.example>`. */
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  /** Further fields, by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** With or without brackets. */
  readonly message_id: string | null;
  readonly in_reply_to: string | null;
  /** Epoch milliseconds at which it was written or came in elsewhere: the Date field. */
  readonly date: number | null;
  readonly attachments: readonly ParsedFile[];
}

export interface ParsedFile {
  readonly filename: string;
  readonly content_type: string;
  /** Base64, RFC 4648 §4. */
  readonly content: string;
}

export interface ComposedParsed {
  readonly mime: Buffer;
  /** The one address of From. */
  readonly from: string;
}

/**
 * The MIME of a message that came as parts, so that what follows treats it as any other: guards, texts and threads read
 * bytes. INVARIANT: the same parts give the same bytes, for ever; a batch that is sent again is the same messages. No part
 * can end a field, begin another or change the structure. `attested` stands in a field of ours, so that parts of which
 * something else is said are another message.
 */
export function composeParsed(message: ParsedMessage, attested: Verification | null): ComposedParsed | InvalidDraft {
  const problems: Problem[] = [];
  const from = readAddress(message.from, "from", problems);
  const fields = readFields(message, attested, from, problems);
  const attachments = message.attachments.map((file, index) => filePart(file, `attachments[${index}]`, problems));
  const texts = [readBody(message.text, "text", problems), message.html === null ? null : readBody(message.html, "html", problems)];
  if (from === null || problems.length > 0) return { invalid: problems.slice(0, PROBLEMS) };
  const [text = "", html = null] = texts;
  const root = withFiles(bodyOf(text ?? "", html), attachments.filter((part) => part !== null)); // prettier-ignore
  return { mime: formatMessage(fields, root, SEED), from: from.address };
}

const PROBLEMS = 20;
const SUBJECT = 2_000;
/** Bytes of one text: composing it must not keep the doors waiting (DESIGN §10). */
const BODY = 2 * 1024 * 1024;
/** Nothing that is encoded can hold a boundary, so it need not be a secret. */
const SEED = "postern-parsed-v1";

interface Named {
  readonly address: string;
  readonly name: string;
}

function readAddress(entry: string, path: string, problems: Problem[]): Named | null {
  const read = parseRecipient(entry.trim());
  if ("address" in read) return read;
  problems.push({ path, message: read.wrong });
  return null;
}

function readFields(message: ParsedMessage, attested: Verification | null, from: Named | null, problems: Problem[]): readonly string[] {
  const addresses = (list: readonly string[], path: string): Named[] =>
    list.flatMap((entry, index) => readAddress(entry, `${path}[${index}]`, problems) ?? []);
  const subject = readLine(message.subject, "subject", SUBJECT, problems);
  return [
    formatField("Postern-Source", sourceWords(attested)),
    from === null ? null : addressField("From", [from]),
    addressField("To", addresses(message.to, "to")),
    addressField("Cc", addresses(message.cc, "cc")),
    subject === "" ? null : formatTextField("Subject", subject),
    message.date === null ? null : `Date: ${dateOf(message.date)}`,
    idField("Message-ID", message.message_id, "message_id", problems),
    idField("In-Reply-To", message.in_reply_to, "in_reply_to", problems),
    ...Object.entries(message.headers)
      .toSorted(byName)
      .map(([name, value]) => furtherField(name, value, message.headers, problems)),
  ].filter((field) => field !== null);
}

/** JSON objects have no order. */
function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What whoever reads the bytes later is told of them. */
function sourceWords(attested: Verification | null): readonly string[] {
  if (attested === null) return ["parsed"];
  const { from_alignment: aligned, ...results } = attested;
  const words = Object.entries(results).map(([method, result]) => `${method}=${result}`);
  return ["parsed;", "attested", ...words, `aligned-spf=${aligned.spf}`, `aligned-dkim=${aligned.dkim}`];
}

/** RFC 5322 §3.3, in UTC. */
function dateOf(at: number): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}

function idField(name: string, given: string | null, path: string, problems: Problem[]): string | null {
  if (given === null) return null;
  const bare = given.startsWith("<") && given.endsWith(">") ? given.slice(1, -1) : given;
  if (isMessageId(bare)) return formatField(name, [`<${bare}>`]);
  problems.push({ path, message: `${quoted(given)} is no Message-ID; fix: write it like \`1234@mail.example\`, or leave it out` });
  return null;
}

/** RFC 5322 §2.2, and no longer than a name needs. */
const FIELD_NAME = /^[!-9;-~]{1,76}$/;
const FIELD_VALUE = 8_000;

/** Fields that say what the parts say, what is ours or relays' to say, or how the body is to be read. */
const RESERVED = new Set(
  (
    "from sender to cc bcc subject date message-id in-reply-to mime-version received return-path delivered-to " +
    "dkim-signature domainkey-signature authentication-results received-spf resent-from resent-to resent-sender"
  ).split(" "),
);
const RESERVED_PREFIXES = ["content-", "arc-", "postern-"];

function furtherField(name: string, value: string, all: ParsedMessage["headers"], problems: Problem[]): string | null {
  const path = `headers.${name.slice(0, 64).toWellFormed()}`;
  const wrong = fieldFault(name, value, Object.keys(all));
  if (wrong === null) return formatTextField(name, value);
  problems.push({ path: hasControl(path) ? "headers" : path, message: wrong });
  return null;
}

function fieldFault(name: string, value: string, names: readonly string[]): string | null {
  const folded = name.toLowerCase();
  if (!FIELD_NAME.test(name)) return "is no name of a header field; fix: use printable ASCII without a colon";
  if (RESERVED.has(folded) || RESERVED_PREFIXES.some((prefix) => folded.startsWith(prefix)))
    return "cannot be set here; fix: use the property that stands for it, or leave it out";
  if (names.filter((other) => other.toLowerCase() === folded).length > 1) return "is given twice; fix: give it once";
  if (value.length > FIELD_VALUE) return `is longer than ${FIELD_VALUE} characters; fix: shorten it`;
  if (!value.isWellFormed()) return "is not well-formed Unicode; fix: remove the half of a surrogate pair";
  return hasControl(value) ? "holds a line break, NUL or another control character; fix: write it in one line" : null;
}

function readBody(text: string, path: string, problems: Problem[]): string | null {
  const wrong =
    Buffer.byteLength(text) > BODY
      ? `is over ${BODY} bytes; fix: attach it`
      : !text.isWellFormed()
        ? "is not well-formed Unicode; fix: remove the half of a surrogate pair"
        : text.includes("\0")
          ? "holds a NUL; fix: remove it"
          : null;
  if (wrong !== null) problems.push({ path, message: wrong });
  return wrong === null ? text : null;
}

function bodyOf(text: string, html: string | null): Entity {
  if (html === null) return textPart("text/plain", text);
  const shown = textPart("text/html", html);
  return text === "" ? shown : { subtype: "alternative", parts: [textPart("text/plain", text), shown] };
}

function textPart(type: "text/plain" | "text/html", text: string): Leaf {
  const { encoding, body } = encodeText(text);
  return { fields: [contentType(type, { charset: "utf-8" }), `Content-Transfer-Encoding: ${encoding}`], body };
}

function withFiles(body: Entity, files: readonly Leaf[]): Entity {
  return files.length === 0 ? body : { subtype: "mixed", parts: [body, ...files] };
}

const FILENAME = 255;

/** What a file may be is the guards' to say, as for mail that came as bytes; here only what would change the message's shape is refused. */
function filePart({ filename, content_type, content }: ParsedFile, path: string, problems: Problem[]): Leaf | null {
  const before = problems.length;
  const name = readLine(filename, `${path}.filename`, FILENAME, problems);
  const type = content_type.toLowerCase();
  if (!TYPE.test(type) || type.startsWith("multipart/") || type.startsWith("message/"))
    problems.push({ path: `${path}.content_type`, message: `${quoted(type)} is no type of a file; fix: use \`application/octet-stream\`` });
  if (!isBase64(content))
    problems.push({ path: `${path}.content`, message: "is not base64 (RFC 4648 §4); fix: encode with padding and without line breaks" });
  if (problems.length > before) return null;
  const disposition = `Content-Disposition: attachment${name === "" ? "" : formatParameter("filename", name)}`;
  return { fields: [contentType(type), "Content-Transfer-Encoding: base64", disposition], body: wrapBase64(content) };
}

/** Only the one canonical spelling, or one file could come in two forms (RFC 4648 §3.5). */
function isBase64(text: string): boolean {
  const last = text.slice(-4);
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && Buffer.from(last, "base64").toString("base64") === last;
}
