import { PosternError } from "../model/errors.ts";
import type { Submission, SubmittedAttachment } from "../model/outbound.ts";

/** The stored JSON of a submission. Its shape was checked when it came in, so another one is our own fault. */
export function readSubmission(source: Buffer): Submission {
  const value = parse(source);
  if (isSubmission(value)) return value;
  throw new PosternError("internal", "the stored submission cannot be read");
}

function parse(source: Buffer): unknown {
  try {
    return JSON.parse(source.toString("utf8"));
  } catch (cause) {
    throw new PosternError("internal", "the stored submission cannot be read", { cause });
  }
}

function isSubmission(value: unknown): value is Submission {
  const { to, cc, bcc, subject, markdown, text, attachments } = recordOf(value);
  return (
    [to, cc, bcc].every(isStrings) &&
    typeof subject === "string" &&
    typeof markdown === "string" &&
    (text === null || typeof text === "string") &&
    Array.isArray(attachments) &&
    attachments.every(isAttachment)
  );
}

function isAttachment(value: unknown): value is SubmittedAttachment {
  const { filename, content_type, content } = recordOf(value);
  return [filename, content_type, content].every((field) => typeof field === "string");
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
