import { z } from "zod";
import type { MailDraft } from "../src/model/agent.ts";
import type { Problem } from "../src/model/errors.ts";
import { SUBMISSION_LIMITS } from "../src/model/outbound.ts";

const DAY = 86_400_000;

const addresses = z.array(z.string().min(1).max(1_000)).max(SUBMISSION_LIMITS.recipients);
const text = z.string().max(SUBMISSION_LIMITS.markdownBytes);

const shape = z.strictObject({
  to: addresses.optional(),
  cc: addresses.optional(),
  bcc: addresses.optional(),
  subject: z.string().max(SUBMISSION_LIMITS.subjectCharacters).optional(),
  markdown: text,
  text: text.nullable().optional(),
  attachments: z
    .array(
      z.strictObject({
        filename: z.string().min(1).max(SUBMISSION_LIMITS.filenameCharacters),
        content_type: z.string().min(3).max(127),
        content: z.string().max(Math.ceil(SUBMISSION_LIMITS.attachmentBytes / 3) * 4),
      }),
    )
    .max(SUBMISSION_LIMITS.attachments)
    .optional(),
  send_at: z.iso.datetime({ offset: true }).optional(),
});

/** A draft as a model may have written it, or what is wrong with it; the same bounds as at the HTTP door. Whether it can be composed is asked later. */
export function readDraft(draft: unknown, now: number): MailDraft | { readonly invalid: readonly Problem[] } {
  const read = shape.safeParse(draft);
  if (!read.success) return { invalid: read.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join("."), message })) };
  const { send_at } = read.data;
  if (send_at !== undefined && Date.parse(send_at) - now > SUBMISSION_LIMITS.scheduleDays * DAY) {
    return { invalid: [{ path: "send_at", message: `must be within ${SUBMISSION_LIMITS.scheduleDays} days` }] };
  }
  // Left out is not there, never undefined: what is stored is the JSON of it.
  return JSON.parse(JSON.stringify(read.data)) as MailDraft;
}
