import { createHash } from "node:crypto";
import { parseAddress } from "./address.ts";
import { authenticate, type Authenticated, type AuthenticateDeps } from "./authenticate.ts";
import { readHeader, valuesOf, type Header } from "./header.ts";
import { claimedSender, identityOf } from "./identity.ts";
import { reveal } from "./invisible.ts";
import { createIntakeScanner, MAIL_LIMITS, type MailLimits } from "./limits.ts";
import { readMailboxField } from "./mailbox.ts";
import { isViolation, parseMail, type ParsedAttachment, type ParsedMail } from "./parse.ts";
import type { Authentication, MessageView, Violation } from "./reader.ts";
import { textViews, type TextViews } from "./text.ts";
import { threadFacts } from "./thread.ts";
import { wellFormed } from "./wellformed.ts";
import type { Envelope, Headline, Verification } from "../model/message.ts";

/** A message within the limits, read once. Plain data: a caller may keep it between the functions below. */
export interface OpenedMail {
  readonly raw: Buffer;
  readonly header: Header;
  readonly parsed: ParsedMail;
  readonly views: TextViews;
  /** Lines over 998 bytes (RFC 5322 §2.1.1). */
  readonly long_lines: number;
}

/** Limits, header, parts and texts. What breaks a limit or cannot be read is a Violation; never rejects for content. */
export async function openMail(raw: Buffer, limits: MailLimits = MAIL_LIMITS): Promise<OpenedMail | Violation> {
  const scanner = createIntakeScanner(limits);
  scanner.write(raw);
  const broken = scanner.end();
  if (broken !== null) return broken;
  const parsed = await parseMail(raw, limits);
  if (isViolation(parsed)) return parsed;
  return { raw, header: readHeader(raw), parsed, views: textViews(parsed), long_lines: scanner.longLines() };
}

/** Null: within the limits. */
export async function inspectBytes(raw: Buffer, limits: MailLimits = MAIL_LIMITS): Promise<Violation | null> {
  const opened = await openMail(raw, limits);
  return isViolation(opened) ? opened : null;
}

/** Everything the headers, signatures and DNS say about an opened message. */
export async function authenticateMail(mail: OpenedMail, envelope: Envelope, deps: AuthenticateDeps): Promise<Authentication> {
  const { raw, header, parsed } = mail;
  const { fields, bodyOffset } = header;
  return describe(mail, envelope, await authenticate({ raw, bodyOffset, fields, mimeFrom: parsed.from, envelope }, deps));
}

/** What the header claims, with the verification that somebody else has made. */
export function authenticatedBefore(mail: OpenedMail, envelope: Envelope, verification: Verification): Authentication {
  const claim = claimedSender(mail.header.fields, [mail.parsed.from]);
  return describe(mail, envelope, { claim, verification, temporary: false });
}

function describe(
  { raw, header, views }: OpenedMail,
  envelope: Envelope,
  { claim, verification, temporary }: Authenticated,
): Authentication {
  const thread = threadFacts(header.fields);
  return {
    identity: identityOf(claim, verification),
    verification,
    temporary,
    ...thread,
    subject: views.subject,
    // RFC 3834 §2: nothing automatic is ever answered to the null sender.
    automatic: thread.automatic || envelope.sender === "",
    body_sha256: createHash("sha256").update(raw.subarray(header.bodyOffset)).digest("hex"),
    tokens: estimateTokens(views.agent),
  };
}

export async function authenticateBytes(
  raw: Buffer,
  envelope: Envelope,
  deps: AuthenticateDeps,
  limits: MailLimits = MAIL_LIMITS,
): Promise<Authentication | Violation> {
  const opened = await openMail(raw, limits);
  return isViolation(opened) ? opened : authenticateMail(opened, envelope, deps);
}

const BYTES_PER_TOKEN = 4;

function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

export function headlineOf({ header, views }: OpenedMail): Headline {
  return { subject: views.subject, rfc_message_id: threadFacts(header.fields).rfc_message_id };
}

/**
 * Characters shown of a text. All of 25 MiB would keep the main thread busy for a quarter of a second to write as JSON,
 * and nobody reads it; the raw message has the whole.
 */
const SHOWN = 1_000_000;

/** What an agent or a person is shown of an opened message. */
export function viewMail({ header, parsed, views }: OpenedMail): MessageView {
  const fromFields = valuesOf(header.fields, "from");
  const from = readMailboxField(fromFields[0] ?? "");
  return {
    from: fromFields.length === 1 && from.kind === "one" ? from.address : null,
    to: parsed.to.filter(isPlainAddress),
    cc: parsed.cc.filter(isPlainAddress),
    subject: views.subject,
    date: readDate(valuesOf(header.fields, "date")[0]),
    text: wellFormed(views.agent, SHOWN),
    html_text: views.text.trim() !== "" && views.html !== "" ? wellFormed(views.html, SHOWN) : null,
    hidden: firstOf(views.hidden, SHOWN),
    attachments: parsed.attachments.map(showAttachment),
    truncated: [views.agent, views.html].some((text) => text.length > SHOWN) || lengthOf(views.hidden) > SHOWN,
  };
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((length, text) => length + text.length, 0);
}

/** As many characters of the texts, in order. */
function firstOf(texts: readonly string[], characters: number): string[] {
  let left = characters;
  return texts.flatMap((text) => {
    if (left <= 0) return [];
    const shown = wellFormed(text, left);
    left -= text.length;
    return [shown];
  });
}

/** No guard reads these fields, so they hold no sentences: quoted local parts and what is no address at all are left out. */
function isPlainAddress(address: string): boolean {
  return !address.startsWith('"') && parseAddress(address) !== null;
}

function showAttachment({ filename, content_type, size, sha256 }: ParsedAttachment): MessageView["attachments"][number] {
  return {
    filename: filename === null ? null : reveal(filename).text,
    content_type: MEDIA_TYPE.test(content_type) ? content_type : "application/octet-stream",
    size,
    sha256,
  };
}

/** RFC 6838 §4.2. */
const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/;

export async function viewBytes(raw: Buffer, limits: MailLimits = MAIL_LIMITS): Promise<MessageView | Violation> {
  const opened = await openMail(raw, limits);
  return isViolation(opened) ? opened : viewMail(opened);
}

const DATE_LENGTH = 100;

/** RFC 5322 §3.3. Without a zone it is UTC: the same bytes give the same time on every machine. */
function readDate(value: string | undefined): string | null {
  const words = (value ?? "").slice(0, DATE_LENGTH).split("(", 1)[0]?.trim() ?? "";
  const date = new Date(hasZone(words) ? words : `${words} +0000`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** The last word of a date is its zone, unless it is the time. */
function hasZone(words: string): boolean {
  const last = words.slice(words.lastIndexOf(" ") + 1);
  return !last.includes(":") || last.endsWith("Z") || last.includes("+");
}
