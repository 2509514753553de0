import { createHash } from "node:crypto";
import { MailParser, type AttachmentStream, type EmailAddress, type HeaderValue, type Headers } from "mailparser";
import type { FromReading } from "./identity.ts";
import { MAIL_LIMITS, violation, type MailLimits } from "./limits.ts";
import type { Violation } from "./reader.ts";
import { wellFormed, wellFormedLine } from "./wellformed.ts";

/** A message as plain data. Every string is well formed and without NUL. */
export interface ParsedMail {
  readonly from: FromReading;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  /** All inline text/plain parts; null when there is none. */
  readonly text: string | null;
  /** All inline text/html parts; null when there is none. */
  readonly html: string | null;
  readonly attachments: readonly ParsedAttachment[];
}

export interface ParsedAttachment {
  readonly filename: string | null;
  readonly content_type: string;
  /** Decoded bytes. */
  readonly size: number;
  /** Of the decoded bytes, hex. */
  readonly sha256: string;
  /** Decoded text of a textual attachment, also of one whose bytes are text whatever it is said to be; else null. */
  readonly text: string | null;
  /** The message inside a message/rfc822 attachment, else null. */
  readonly message: ParsedMail | null;
}

/** A parser that stops without a word must not keep a thread. Milliseconds. */
const PARSE_DEADLINE = 20_000;
const LINE = 998;
const ADDRESSES = 1_000;

/**
 * Reads a message and the messages attached to it. A message over the limits of its structure, or one that cannot be
 * read at all, is a Violation; nothing a message holds makes this reject.
 */
export async function parseMail(raw: Buffer, limits: MailLimits = MAIL_LIMITS): Promise<ParsedMail | Violation> {
  const tree: Tree = { limits, parts: 0, bytes: 0 };
  try {
    return await parseLevel(raw, tree, 0);
  } catch (error) {
    return error instanceof Refused ? error.violation : violation("unreadable");
  }
}

export function isViolation(value: object): value is Violation {
  return "limit" in value && "enhanced" in value;
}

/** Leaves the recursion at once; never leaves this file. */
class Refused extends Error {
  readonly violation: Violation;
  constructor(limit: Parameters<typeof violation>[0]) {
    super(limit);
    this.violation = violation(limit);
  }
}

/** Spent over the whole tree of attached messages. */
interface Tree {
  readonly limits: MailLimits;
  parts: number;
  bytes: number;
}

async function parseLevel(raw: Buffer, tree: Tree, depth: number): Promise<ParsedMail> {
  tree.bytes += raw.length;
  if (tree.bytes > tree.limits.treeBytes) throw new Refused("tree_bytes");
  const harvest = await harvestMail(raw, tree.limits);
  tree.parts += harvest.parts;
  if (tree.parts > tree.limits.parts) throw new Refused("parts");
  if (depth + harvest.depth > tree.limits.depth) throw new Refused("depth");
  const attachments: ParsedAttachment[] = [];
  for (const attachment of harvest.attachments) attachments.push(await readAttachment(attachment, tree, depth + harvest.depth));
  return { ...readHeaders(harvest.headers), ...readTexts(harvest, tree.limits), attachments };
}

/** What the MIME parser gives for one message. */
interface Harvest {
  readonly headers: Headers;
  readonly text: string | null;
  readonly html: string | null;
  readonly attachments: readonly HarvestedPart[];
  readonly parts: number;
  readonly depth: number;
}

interface HarvestedPart {
  readonly filename: string | undefined;
  readonly contentType: string;
  readonly charset: string | null;
  readonly content: Buffer;
}

const LITE = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipTextLinks: true,
  skipImageLinks: true,
  checksumAlgo: false,
  // Attached messages are read one by one, under the limits of the tree, and never become the text of this one.
  ignoreEmbedded: true,
} as const;

function harvestMail(raw: Buffer, limits: MailLimits): Promise<Harvest> {
  const parser = createParser(limits);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Refused("unreadable")), PARSE_DEADLINE);
    const attachments: Promise<HarvestedPart>[] = [];
    parser.on("data", (data) => {
      if (data.type === "attachment") attachments.push(collect(data));
    });
    parser.once("error", (error: unknown) => {
      clearTimeout(timer);
      reject(refusalOf(error));
    });
    parser.once("end", () => {
      clearTimeout(timer);
      resolve(Promise.all(attachments).then((parts) => harvestOf(parser, parts)));
    });
    parser.end(raw);
  });
}

function createParser(limits: MailLimits): MailParser {
  return new LeanParser({ ...LITE, maxHeadSize: limits.headerBytes, maxChildNodes: limits.parts });
}

/** The header fields that are asked for below, and the ones the library itself goes by for the text. */
const READ = new Set(["from", "to", "cc", "subject", "content-type"]);

interface HeaderLine {
  readonly key: string;
}

/** What the library does not show in its types. */
const Parser = MailParser as unknown as new (options: object) => MailParser & { processHeaders(lines: readonly HeaderLine[]): Headers };

/** Decodes no header field that nobody asks for: the others are two thirds of them, and a fifth of the work on a message. */
class LeanParser extends Parser {
  override processHeaders(lines: readonly HeaderLine[]): Headers {
    return super.processHeaders(lines.filter(({ key }) => READ.has(key)));
  }
}

function refusalOf(error: unknown): Refused {
  const tooLong = error instanceof Error && "code" in error && error.code === "EMAXLEN";
  if (!tooLong) return new Refused("unreadable");
  return new Refused(error.message.includes("child nodes") ? "parts" : "header_bytes");
}

function collect(attachment: AttachmentStream): Promise<HarvestedPart> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const done = (): void => {
      // The parser waits for this before it goes on.
      attachment.release?.();
      const { filename, contentType, headers } = attachment;
      resolve({ filename, contentType, charset: charsetOf(headers), content: Buffer.concat(chunks) });
    };
    attachment.content.on("data", (chunk: Buffer) => chunks.push(chunk));
    attachment.content.once("end", done);
    // A broken encoding: what could be decoded counts.
    attachment.content.once("error", done);
  });
}

function charsetOf(headers: Headers): string | null {
  const type = headers.get("content-type");
  return typeof type === "object" && "params" in type && !Array.isArray(type)
    ? ((type.params as Record<string, string>)["charset"] ?? null)
    : null;
}

function harvestOf(parser: MailParser, attachments: readonly HarvestedPart[]): Harvest {
  const headers = parser.headers === false ? new Map<string, HeaderValue>() : parser.headers;
  return { headers, text: parser.text || null, html: parser.html || null, attachments, ...measureTree(parser) };
}

/** The library's own tree of parts, which it does not show in its types. */
interface PartNode {
  readonly children: readonly PartNode[];
}

function measureTree(parser: MailParser): { parts: number; depth: number } {
  let level = [(parser as unknown as { tree: PartNode | false }).tree].filter((node) => node !== false);
  let [parts, depth] = [0, 0];
  while (level.length > 0) {
    parts += level.length;
    depth++;
    level = level.flatMap((node) => node.children);
  }
  return { parts, depth };
}

async function readAttachment(part: HarvestedPart, tree: Tree, depth: number): Promise<ParsedAttachment> {
  const type = wellFormedLine(part.contentType || "application/octet-stream", LINE).toLowerCase();
  return {
    filename: part.filename === undefined ? null : wellFormedLine(part.filename, LINE),
    content_type: type,
    size: part.content.length,
    sha256: createHash("sha256").update(part.content).digest("hex"),
    text: textOf(type, part, tree.limits),
    message: isMessage(type) && part.content.length > 0 ? await parseLevel(part.content, tree, depth) : null,
  };
}

function textOf(type: string, part: HarvestedPart, { size }: MailLimits): string | null {
  if (isTextual(type)) return wellFormed(decodeText(part), size);
  const text = isMessage(type) ? null : readAsText(part.content.subarray(0, GUESSED));
  return text === null ? null : wellFormed(text, size);
}

/** Bytes looked at of what is not said to be text. */
const GUESSED = 1_048_576;

/** Null: these bytes are no text. UTF-8 without NUL, or UTF-16 that says so; the last character may be cut. */
function readAsText(bytes: Buffer): string | null {
  const utf16 = bytes.length > 2 && ["fffe", "feff"].includes(bytes.toString("hex", 0, 2));
  if (bytes.length === 0 || (!utf16 && bytes.includes(0))) return null;
  const encoding = utf16 ? (bytes[0] === 0xff ? "utf-16le" : "utf-16be") : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true }).replaceAll("\r\n", "\n");
  } catch {
    return null;
  }
}

function isMessage(type: string): boolean {
  return type === "message/rfc822" || type === "message/global";
}

const TEXTUAL = [
  "application/json",
  "application/xml",
  "application/javascript",
  "application/rtf",
  "application/x-sh",
  "application/yaml",
];

function isTextual(type: string): boolean {
  return type.startsWith("text/") || type.endsWith("+xml") || type.endsWith("+json") || TEXTUAL.includes(type);
}

function decodeText({ charset, content }: HarvestedPart): string {
  return decoderFor(charset).decode(content).replaceAll("\r\n", "\n");
}

// Encodings of the web only: UTF-7 would let text in that a filter of bytes does not see.
function decoderFor(charset: string | null): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset ?? "utf-8");
  } catch {
    return new TextDecoder("utf-8");
  }
}

function readTexts({ text, html }: Harvest, limits: MailLimits): Pick<ParsedMail, "text" | "html"> {
  return {
    text: text === null ? null : wellFormed(text, limits.size),
    html: html === null ? null : wellFormed(html, limits.size),
  };
}

function readHeaders(headers: Headers): Pick<ParsedMail, "from" | "to" | "cc" | "subject"> {
  const subject = headers.get("subject");
  const from = addressesOf(headers.get("from"));
  return {
    from: { fields: from === null ? 0 : 1, addresses: from ?? [] },
    to: addressesOf(headers.get("to")) ?? [],
    cc: addressesOf(headers.get("cc")) ?? [],
    subject: typeof subject === "string" ? wellFormedLine(subject, LINE) : "",
  };
}

/** Every address of a field, groups opened. An entry without an address is kept as an empty one: somebody meant something. */
function addressesOf(value: HeaderValue | undefined): string[] | null {
  if (typeof value !== "object" || value === null) return null;
  const fields = (Array.isArray(value) ? value : [value]).filter(
    (field) => typeof field === "object" && "value" in field && Array.isArray(field.value),
  );
  const entries = fields.flatMap((field) => (field as { value: EmailAddress[] }).value);
  const flat = entries.flatMap((entry) => entry.group ?? [entry]);
  return flat.slice(0, ADDRESSES).map((entry) => wellFormedLine(entry.address ?? "", LINE));
}
