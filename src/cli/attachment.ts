import { basename, extname } from "node:path";
import { PosternError } from "../model/errors.ts";
import { SUBMISSION_LIMITS, type SubmittedAttachment } from "../model/outbound.ts";
import type { Session } from "./session.ts";

/** What people attach; anything else goes as bytes, which every reader of mail offers to save. */
const TYPES: Readonly<Record<string, string>> = {
  csv: "text/csv",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  gif: "image/gif",
  gz: "application/gzip",
  htm: "text/html",
  html: "text/html",
  ics: "text/calendar",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  md: "text/markdown",
  odt: "application/vnd.oasis.opendocument.text",
  pdf: "application/pdf",
  png: "image/png",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  svg: "image/svg+xml",
  txt: "text/plain",
  vcf: "text/vcard",
  webp: "image/webp",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  xml: "application/xml",
  zip: "application/zip",
};

/** Files as a submission carries them: names without their folders. Refused here when the service would refuse their size. */
export async function readAttachments(session: Session, paths: readonly string[]): Promise<readonly SubmittedAttachment[]> {
  const attachments: SubmittedAttachment[] = [];
  let size = 0;
  for (const path of paths) {
    const bytes = await readBytes(session, path);
    size += bytes.length;
    if (size > SUBMISSION_LIMITS.attachmentBytes) throw tooLarge(path);
    attachments.push({ filename: basename(path), content_type: typeOf(path), content: bytes.toString("base64") });
  }
  return attachments;
}

/** A file of the command line. */
export async function readBytes({ deps }: Session, path: string): Promise<Buffer> {
  try {
    return await deps.files.read(path);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new PosternError("invalid_request", `\`${path}\` cannot be read (${code})`, { fix: "check the path and its permissions", cause });
  }
}

function typeOf(path: string): string {
  return TYPES[extname(path).slice(1).toLowerCase()] ?? "application/octet-stream";
}

function tooLarge(path: string): PosternError {
  const most = SUBMISSION_LIMITS.attachmentBytes / 1024 / 1024;
  return new PosternError("payload_too_large", `with \`${path}\` the attachments are over ${most} MiB`, { fix: "attach less" });
}
