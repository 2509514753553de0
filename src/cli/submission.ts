import type { Command, OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import type { SubmittedAttachment } from "../model/outbound.ts";
import { readAttachments, readBytes } from "./attachment.ts";
import { addText } from "./repeated.ts";
import type { Session } from "./session.ts";
import { parseTime } from "./time.ts";

/** What a draft is made of. */
export interface WrittenOptions extends OptionValues {
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly subject?: string;
  readonly markdown?: string;
  readonly text?: string;
  readonly attach?: readonly string[];
}

/** And how it is submitted. */
export interface SubmitOptions extends WrittenOptions {
  readonly at?: string;
  readonly dryRun?: true;
  readonly idempotencyKey?: string;
}

/** Only what the command line names; the service fills in the rest. */
export interface Written {
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly subject?: string;
  readonly markdown?: string;
  readonly text?: string;
  readonly attachments?: readonly SubmittedAttachment[];
}

export function writtenOptions(command: Command): Command {
  return command
    .option("--to <address>", "recipient, also as 'Name <local@domain>'; may be repeated", addText)
    .option("--cc <address>", "may be repeated", addText)
    .option("--bcc <address>", "in no header, but seen by those who approve; may be repeated", addText)
    .option("--subject <text>", "one line")
    .option("--markdown <file>", "what it says, in Markdown; - for standard input")
    .option("--text <file>", "the plain part, where it should differ; alone it is the Markdown as well; - for standard input")
    .option("--attach <file>", "may be repeated", addText);
}

export function submitOptions(command: Command): Command {
  return writtenOptions(command)
    .option("--at <time>", "not before, RFC 3339 with a zone; judged again at that time", parseTime)
    .option("--dry-run", "judge only: nothing is recorded, counted or sent (exit code 1: it would be refused)")
    .option("--idempotency-key <key>", "the same key and draft again are one mail (default: a new one)");
}

export async function readWritten(session: Session, options: WrittenOptions): Promise<Written> {
  const { to, cc, bcc, subject, attach } = options;
  const { markdown, text } = await readTexts(session, options);
  const attachments = attach === undefined ? undefined : await readAttachments(session, attach);
  return given({ to, cc, bcc, subject, markdown, text, attachments });
}

/** A draft that says nothing is a slip. */
export function requireText({ markdown }: Written): void {
  if (markdown !== undefined) return;
  throw new PosternError("invalid_request", "the draft says nothing", {
    fix: "give `--markdown FILE`, or `--markdown -` and write to standard input",
  });
}

async function readTexts(session: Session, options: WrittenOptions): Promise<{ readonly markdown?: string; readonly text?: string }> {
  if (options.markdown === "-" && options.text === "-") {
    throw new PosternError("invalid_request", "standard input cannot be both texts", { fix: "read one of them from a file" });
  }
  const text = options.text === undefined ? undefined : await readText(session, options.text);
  const markdown = options.markdown === undefined ? text : await readText(session, options.markdown);
  return given({ markdown, text });
}

/** Threat: what is no UTF-8 would be sent with other characters than its author saw. */
async function readText(session: Session, path: string): Promise<string> {
  const bytes = path === "-" ? await session.deps.stdin() : await readBytes(session, path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const name = path === "-" ? "standard input" : `\`${path}\``;
    throw new PosternError("invalid_request", `${name} is not UTF-8 text`, {
      fix: "save it as UTF-8, or attach it with `--attach`",
      cause,
    });
  }
}

function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as ReturnType<typeof given<T>>;
}
