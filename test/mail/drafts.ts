import { composeMail } from "../../src/mail/compose.ts";
import type { Composed, ComposeFrame, InvalidDraft } from "../../src/mail/composer.ts";
import { parseMail, isViolation, type ParsedMail } from "../../src/mail/parse.ts";
import type { Submission } from "../../src/model/outbound.ts";

export const FRAME: ComposeFrame = {
  tenant: "ten_0123456789abcdef",
  mailbox: "mbx_0123456789abcdef",
  from: "assistant@acme.example",
  message_id: "drf_0123456789abcdef.1@acme.example",
  seed: "drf_0123456789abcdef.1",
  reply: null,
};

export function submission(changes: Partial<Submission> = {}): Submission {
  return {
    to: ["boss@partner.example"],
    cc: [],
    bcc: [],
    subject: "Hello",
    markdown: "Hello.",
    text: null,
    attachments: [],
    ...changes,
  };
}

/** What the composer makes of it, whatever that is. */
export function tryCompose(changes: Partial<Submission> = {}, frame: Partial<ComposeFrame> = {}): Composed | InvalidDraft {
  return composeMail(Buffer.from(JSON.stringify(submission(changes))), { ...FRAME, ...frame });
}

/** A draft that is in order. */
export function compose(changes: Partial<Submission> = {}, frame: Partial<ComposeFrame> = {}): Composed {
  const composed = tryCompose(changes, frame);
  if ("invalid" in composed) throw new Error(JSON.stringify(composed.invalid));
  return composed;
}

/** What the author is told. */
export function problemsOf(changes: Partial<Submission>, frame: Partial<ComposeFrame> = {}): readonly { path: string; message: string }[] {
  const composed = tryCompose(changes, frame);
  return "invalid" in composed ? composed.invalid : [];
}

/** As any reader of mail reads it. */
export async function read(mime: Buffer): Promise<ParsedMail> {
  const parsed = await parseMail(mime);
  if (isViolation(parsed)) throw new Error(parsed.limit);
  return parsed;
}

export function header(mime: Buffer): string {
  return mime.toString("latin1").split("\r\n\r\n", 1)[0] ?? "";
}
