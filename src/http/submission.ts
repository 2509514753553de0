import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import canonicalize from "canonicalize";
import { PosternError } from "../model/errors.ts";
import { SUBMISSION_LIMITS, type Submission } from "../model/outbound.ts";

const DAY = 86_400_000;

const addresses = z.array(z.string().min(1).max(1_000)).max(SUBMISSION_LIMITS.recipients);

const Attachment = z.strictObject({
  filename: z.string().min(1).max(SUBMISSION_LIMITS.filenameCharacters),
  content_type: z.string().min(3).max(127).openapi({ example: "text/calendar" }),
  content: z
    .string()
    .max(Math.ceil(SUBMISSION_LIMITS.attachmentBytes / 3) * 4)
    .openapi({ description: "Base64, RFC 4648 §4, without line breaks.", example: "QkVHSU46VkNBTEVOREFS" }),
});

const written = {
  to: addresses.default([]).openapi({ description: "Addresses, also as `Name <local@domain>`." }),
  cc: addresses.default([]),
  bcc: addresses.default([]).openapi({ description: "In no header; people who approve see them." }),
  subject: z.string().max(SUBMISSION_LIMITS.subjectCharacters),
  markdown: z.string().max(SUBMISSION_LIMITS.markdownBytes).openapi({ description: "Becomes text and HTML; HTML in it is shown as text." }),
  text: z
    .string()
    .max(SUBMISSION_LIMITS.markdownBytes)
    .nullable()
    .default(null)
    .openapi({ description: "The plain part, where it should differ from the one made of `markdown`." }),
  attachments: z.array(Attachment).max(SUBMISSION_LIMITS.attachments).default([]),
};

const sending = {
  send_at: z.iso
    .datetime({ offset: true, error: "must be a time with its zone, like `2026-11-23T08:00:00Z`" })
    .nullable()
    .default(null)
    .openapi({ description: "Not before; at most a year ahead. Judged again at that time.", example: "2026-11-23T08:00:00Z" }),
  dry_run: z.boolean().default(false).openapi({ description: "Judge only: nothing is recorded, counted or sent." }),
};

const WRITTEN_EXAMPLE = { to: ["boss@acme.example"], subject: "Friday at noon", markdown: "Shall we meet on **Friday** at noon?" };

export const SendRequest = z.strictObject({ ...written, ...sending }).openapi("SendRequest", { example: WRITTEN_EXAMPLE });

export const ReplyRequest = z
  .strictObject({ ...written, ...sending, subject: written.subject.optional() })
  .openapi("ReplyRequest", { example: { markdown: "Friday at noon suits me." } });

export const EditRequest = z.strictObject({ ...written, content_hash: z.string().max(128).optional() }).openapi("EditRequest", {
  example: { ...WRITTEN_EXAMPLE, content_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
});

/** What of a request the mail is made of. */
export function submissionOf({ to, cc, bcc, subject, markdown, text, attachments }: Submission): Submission {
  return { to, cc, bcc, subject, markdown, text, attachments };
}

/** Epoch milliseconds; null: as soon as it may. */
export function sendAtOf(text: string | null, now: number): number | null {
  if (text === null) return null;
  const at = Date.parse(text);
  if (at - now <= SUBMISSION_LIMITS.scheduleDays * DAY) return at;
  throw new PosternError("invalid_request", `\`send_at\` is more than ${SUBMISSION_LIMITS.scheduleDays} days ahead`, {
    fix: "give an earlier time",
    problems: [{ path: "send_at", message: `must be within ${SUBMISSION_LIMITS.scheduleDays} days` }],
  });
}

/** Two requests with this in common are the same request (NY-12). */
export function payloadHash(payload: object): string {
  return createHash("sha256").update(canonicalize(payload)!).digest("hex");
}

/** Of the header; null: none was sent. */
export function idempotencyKeyOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(header)) return header;
  throw new PosternError("invalid_request", "the `Idempotency-Key` cannot be used", { fix: "send 1 to 256 visible ASCII characters" });
}
