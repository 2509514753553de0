import { PosternError } from "../model/errors.ts";
import { crockford } from "../model/ids.ts";
import { segment } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { formatFinding, spaced, type Finding } from "./decision-text.ts";
import { formatDraft, nextStep, type Draft } from "./draft-text.ts";
import { EXIT, type Exit } from "./exit.ts";
import { chosenMailbox } from "./mailbox-id.ts";
import type { Session } from "./session.ts";
import { readWritten, requireText, submitOptions, type SubmitOptions } from "./submission.ts";
import { formatFields } from "./table.ts";

interface DryRun {
  readonly status: "dry_run";
  readonly would_send_to: readonly string[];
  readonly decision: {
    readonly outcome: string;
    readonly reason: string;
    readonly judged_at: string;
    readonly mode: string;
    readonly refused: readonly string[];
    readonly findings: readonly Finding[];
  };
}

interface SendOptions extends SubmitOptions {
  readonly mailbox?: string;
}

export function addSend(cli: Cli): void {
  addCommand<[], SendOptions>(cli, cli.program, {
    usage: "send",
    summary: "submit a draft from a mailbox",
    about:
      "Needs a key with the scope `send`. It leaves at once, or waits for people where the mailbox's mode says so; `status` says which. Refused drafts end with 4, full windows with 3.",
    options: (command) => submitOptions(command.option("--mailbox <mailbox>", "id or address (default: the only one)")),
    examples: [
      "send --mailbox assistant@acme.example --to boss@acme.example --subject 'Friday at noon' --markdown note.md",
      "send --to boss@acme.example --subject Report --markdown - --attach report.pdf --at 2026-11-23T08:00:00Z < note.md",
      "send --to boss@acme.example --subject 'Friday at noon' --markdown note.md --dry-run --json",
    ],
    run: async (session, _, options) => {
      const path = `/v1/mailboxes/${segment(await chosenMailbox(session.http, options.mailbox))}/send`;
      if (options.to === undefined && options.cc === undefined && options.bcc === undefined) throw noRecipient();
      if (options.subject === undefined) throw noSubject();
      return submit(session, path, options);
    },
  });
}

export function addReply(cli: Cli): void {
  addCommand<[message: string], SubmitOptions>(cli, cli.program, {
    usage: "reply <message>",
    summary: "answer a message that was delivered",
    about: "To its sender unless `--to` names others; it stays in the thread. Otherwise like `send`.",
    arguments: { message: "msg_…" },
    options: submitOptions,
    examples: [
      "reply msg_1h3k5m7p9r1t3w5y7z9b1d3f --markdown answer.md",
      "reply msg_1h3k5m7p9r1t3w5y7z9b1d3f --cc team@acme.example --markdown - --json < answer.md",
    ],
    run: async (session, [message], options) => submit(session, `/v1/messages/${segment(message)}/reply`, options),
  });
}

async function submit(session: Session, path: string, options: SubmitOptions): Promise<Exit> {
  const written = await readWritten(session, options);
  requireText(written);
  const body = { ...written, ...(options.at === undefined ? {} : { send_at: options.at }), ...(options.dryRun ? { dry_run: true } : {}) };
  const key = options.idempotencyKey ?? crockford(session.deps.random(16));
  const answer = await submitted(session, path, body, key);
  if (answer.status !== "dry_run") return showDraft(session, answer);
  session.print(answer, () => formatDryRun(session, answer));
  return answer.would_send_to.length > 0 ? EXIT.ok : EXIT.failure;
}

/** INVARIANT: whoever runs a command again that was not answered can say that it is the same draft. */
async function submitted({ http }: Session, path: string, body: object, key: string): Promise<Draft | DryRun> {
  try {
    return await http.send<Draft | DryRun>("POST", path, body, { "idempotency-key": key });
  } catch (error) {
    throw error instanceof PosternError && UNCERTAIN.includes(error.code) ? sameAgain(error, key) : error;
  }
}

const UNCERTAIN: readonly string[] = ["unavailable", "in_flight", "internal"];

function sameAgain(error: PosternError, key: string): PosternError {
  return new PosternError(error.code, error.message, {
    temporary: error.temporary,
    fix: `run it again with \`--idempotency-key ${key}\`: nobody gets it twice`,
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    problems: error.problems,
    members: error.members,
    cause: error,
  });
}

function showDraft(session: Session, draft: Draft): Exit {
  session.print(draft, () => formatDraft(session, draft));
  const next = nextStep(draft);
  if (next !== null) session.note(next);
  return EXIT.ok;
}

function formatDryRun({ cells }: Session, { would_send_to, decision }: DryRun): string {
  const { outcome, reason, judged_at, mode, refused, findings } = decision;
  return formatFields(
    [
      ["status", "dry run: nothing was recorded, counted or sent"],
      ["outcome", outcome],
      ["reason", spaced(reason)],
      ["judged at", spaced(judged_at)],
      ["mode", mode],
      ["would go to", would_send_to.length === 0 ? "nobody" : would_send_to.join(" ")],
      ["refused for", refused.length === 0 ? null : refused.join(" ")],
      ["findings", findings.length === 0 ? null : findings.map(formatFinding).join(", ")],
    ],
    cells,
  );
}

function noRecipient(): PosternError {
  return new PosternError("invalid_request", "the draft goes to nobody", { fix: "give `--to ADDRESS`" });
}

function noSubject(): PosternError {
  return new PosternError("invalid_request", "the draft has no subject", { fix: "give `--subject TEXT`" });
}
