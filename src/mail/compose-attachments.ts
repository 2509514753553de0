import { hasControl, quoted, readLine } from "./compose-text.ts";
import { formatParameter } from "./mime-parameter.ts";
import { wrapBase64 } from "./mime-text.ts";
import { contentType, type Leaf } from "./mime.ts";
import type { Problem } from "../model/errors.ts";
import { SUBMISSION_LIMITS, type DraftKind, type SubmittedAttachment } from "../model/outbound.ts";

/** Names that a double click runs on some system. Fixed: whoever must send one puts it into an archive. */
export const DENIED_EXTENSIONS: ReadonlySet<string> = new Set(
  (
    "ade adp app appx appxbundle bat chm cmd com cpl dll dmg exe hta ins iso isp jar js jse lnk mde msc msi msix msp mst " +
    "pif ps1 ps1xml ps2 psc1 psc2 reg scf scr sct shb sys vb vbe vbs vhd vhdx vxd wsc wsf wsh xll"
  ).split(" "),
);

const DENIED_TYPES: ReadonlySet<string> = new Set([
  "application/hta",
  "application/javascript",
  "application/java-archive",
  "application/vnd.microsoft.portable-executable",
  "application/x-bat",
  "application/x-dosexec",
  "application/x-executable",
  "application/x-ms-installer",
  "application/x-ms-shortcut",
  "application/x-msdos-program",
  "application/x-msdownload",
  "application/x-msi",
  "text/javascript",
  "text/vbscript",
]);

/** Attachments as parts, in the order given. What cannot be sent is a problem, never left out. */
export function attachmentParts(attachments: readonly SubmittedAttachment[], kind: DraftKind, problems: Problem[]): readonly Leaf[] {
  if (attachments.length > SUBMISSION_LIMITS.attachments) problems.push(TOO_MANY);
  // Of a copy the attachment is a message of ours, which was bounded when it was composed.
  else if (kind === "draft" && bytesOf(attachments) > SUBMISSION_LIMITS.attachmentBytes) problems.push(TOO_LARGE);
  else return attachments.flatMap((attachment, index) => attachmentPart(attachment, `attachments[${index}]`, problems) ?? []);
  return [];
}

function bytesOf(attachments: readonly SubmittedAttachment[]): number {
  return attachments.reduce((sum, { content }) => sum + (content.length / 4) * 3 - paddingOf(content), 0);
}

function paddingOf(base64: string): number {
  return base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
}

function attachmentPart({ filename, content_type, content }: SubmittedAttachment, path: string, problems: Problem[]): Leaf | null {
  const before = problems.length;
  const name = readName(filename, `${path}.filename`, problems);
  const type = readType(content_type, `${path}.content_type`, problems);
  const body = readBody(content, type, path, problems);
  if (body === null || problems.length > before) return null;
  const disposition = `Content-Disposition: attachment${formatParameter("filename", name)}`;
  return { fields: [contentType(type), `Content-Transfer-Encoding: ${isMessage(type) ? "7bit" : "base64"}`, disposition], body };
}

function readName(filename: string, path: string, problems: Problem[]): string {
  const name = readLine(filename, path, SUBMISSION_LIMITS.filenameCharacters, problems);
  const wrong = nameFault(name);
  if (wrong !== null) problems.push({ path, message: wrong });
  return name;
}

function nameFault(name: string): string | null {
  if (name === "" || name === "." || name === "..") return "is no file name; fix: give one such as `report.pdf`";
  if (hasControl(name)) return null;
  if (/[/\\:]/.test(name)) return `${quoted(name)} is a path; fix: give the file name alone`;
  // with these a name can be read backwards, or end in another extension than it shows.
  if (/[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u.test(name)) return "holds invisible characters; fix: remove them";
  // Some readers decode them once more, and would show another name.
  if (name.includes("=?")) return "holds an encoded word; fix: remove `=?`";
  const extension = extensionOf(name);
  return DENIED_EXTENSIONS.has(extension) ? `ends in \`.${extension}\`, which a click would run; fix: send it as an archive` : null;
}

/** As a receiver's system reads it: compatibility forms folded, dots and spaces at the end dropped. */
function extensionOf(name: string): string {
  const folded = name.normalize("NFKC").toLowerCase();
  let end = folded.length;
  while (end > 0 && ". ".includes(folded.charAt(end - 1))) end--;
  const dot = folded.lastIndexOf(".", end - 1);
  return dot === -1 ? "" : folded.slice(dot + 1, end);
}

/** RFC 6838 §4.2, both halves at most 127. */
export const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

function readType(content_type: string, path: string, problems: Problem[]): string {
  const type = content_type.toLowerCase();
  const wrong = typeFault(type);
  if (wrong !== null) problems.push({ path, message: wrong });
  return type;
}

function typeFault(type: string): string | null {
  if (!TYPE.test(type)) return `${quoted(type)} is not \`type/subtype\`; fix: write for example \`application/pdf\`, without parameters`;
  if (DENIED_TYPES.has(type)) return `\`${type}\` is a program; fix: send it as an archive`;
  // A reader of mail would take these for parts of this very mail, or fetch them from elsewhere.
  const isStructure = type.startsWith("multipart/") || (type.startsWith("message/") && !isMessage(type));
  return isStructure ? `\`${type}\` is a structure of mail, not a file; fix: use \`application/octet-stream\`` : null;
}

function isMessage(type: string): boolean {
  return type === "message/rfc822";
}

function readBody(content: string, type: string, path: string, problems: Problem[]): Buffer | null {
  const bytes = Buffer.from(content, "base64");
  // Only the one canonical spelling gives the same text again (RFC 4648 §3.5).
  if (bytes.toString("base64") !== content) {
    problems.push({
      path: `${path}.content`,
      message: "is not base64 (RFC 4648 §4); fix: encode the bytes with padding and without line breaks",
    });
    return null;
  }
  if (!isMessage(type)) return wrapBase64(content);
  if (isSevenBit(bytes)) return bytes;
  problems.push({ path: `${path}.content_type`, message: NOT_SEVEN_BIT });
  return null;
}

/** RFC 2045 §2.7: what may stand in a mail without an encoding. RFC 2046 §5.2.1 lets an attached message have none. */
function isSevenBit(bytes: Buffer): boolean {
  const text = bytes.toString("latin1");
  if (!/^[\x01-\x09\x0b\x0c\x0e-\x7f\r\n]*$/.test(text)) return false;
  return text.split("\r\n").every((line) => line.length <= 998 && !line.includes("\n") && !line.includes("\r"));
}

const NOT_SEVEN_BIT =
  "`message/rfc822` must be ASCII in lines of at most 998 with CRLF ends; fix: attach the message as `application/octet-stream`";
const TOO_MANY: Problem = { path: "attachments", message: `are more than ${SUBMISSION_LIMITS.attachments}; fix: attach an archive` };
const TOO_LARGE: Problem = {
  path: "attachments",
  message: `are over ${SUBMISSION_LIMITS.attachmentBytes / 1024 / 1024} MiB together; fix: attach less`,
};
