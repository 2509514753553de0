import { Option, type OptionValues } from "commander";
import { INBOUND_OUTCOMES, isFinal, type FinalOutcome } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import type { Verification } from "../model/message.ts";
import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { decisionFields, formatVerification, paintOutcome, type Decision } from "./decision-text.ts";
import { chosenMailbox } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import type { Session } from "./session.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
import { printableLines } from "./text.ts";
import { formatTime, shortTime } from "./time.ts";

interface Summary {
  readonly id: string;
  readonly thread_id: string;
  readonly outcome: FinalOutcome;
  readonly from: string | null;
  readonly from_verified: boolean;
  readonly envelope: { readonly sender: string; readonly recipient: string };
  readonly subject: string;
  readonly received_at: string;
  readonly verification: Verification | null;
  readonly capabilities: readonly string[];
  readonly size: number;
  readonly tokens_reserved: number;
  readonly tokens_consumed: number | null;
}

interface Message extends Summary {
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly text: string | null;
  readonly hidden_text?: readonly string[];
  readonly attachments: readonly { readonly filename: string | null; readonly content_type: string; readonly size: number }[];
}

export function addMessages(cli: Cli): void {
  const group = addGroup(cli.program, "messages", "what was received", ["messages list", "messages show msg_1h3k5m7p9r1t3w5y7z9b1d3f"]);
  addList(cli, group);
  addShow(cli, group);
  addRaw(cli, group);
  addDecide(cli, group, "release", "let a held or quarantined message through");
  addDecide(cli, group, "discard", "end a hold by throwing the message away");
}

interface ListOptions extends PageOptions {
  readonly mailbox?: string;
  readonly outcome?: string;
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list the messages of a mailbox",
    about: "An agent's key sees delivered messages only.",
    options: (command) =>
      pageOptions(
        command
          .option("--mailbox <mailbox>", "id or address (default: the only one)")
          .addOption(new Option("--outcome <outcome>", "only with this outcome").choices(INBOUND_OUTCOMES.filter(isFinal))),
      ),
    examples: ["messages list --mailbox assistant@acme.example", "messages list --outcome held --limit 10 --json"],
    run: async (session, _, options) => {
      const path = `/v1/mailboxes/${segment(await chosenMailbox(session.http, options.mailbox))}/messages`;
      const page = await session.http.get<Page<Summary>>(path, { ...pageQuery(options), outcome: options.outcome });
      session.print(page, () => (page.items.length === 0 ? "no messages" : formatTable(columns(session), page.items, session.cells)));
      const more = nextPage(page);
      if (more !== null) session.note(more);
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], OptionValues>(cli, group, {
    usage: "show <id>",
    summary: "show a message as its reader would see it",
    arguments: { id: "msg_…" },
    examples: ["messages show msg_1h3k5m7p9r1t3w5y7z9b1d3f", "messages show msg_1h3k5m7p9r1t3w5y7z9b1d3f --json"],
    run: async ({ http, print, cells }, [id]) => {
      const message = await http.get<Message>(`/v1/messages/${segment(id)}`);
      print(message, () => formatMessage(message, cells));
    },
  });
}

interface RawOptions extends OptionValues {
  readonly output?: string;
}

function addRaw(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], RawOptions>(cli, group, {
    usage: "raw <id>",
    summary: "write the bytes of a message as they were received",
    about:
      "A terminal is shown them with control characters spelled out; a file or pipe gets them exactly. With --json they are in base64.",
    arguments: { id: "msg_…" },
    options: (command) => command.option("--output <file>", "write to a new file instead of standard output"),
    examples: ["messages raw msg_1h3k5m7p9r1t3w5y7z9b1d3f > letter.eml", "messages raw msg_1h3k5m7p9r1t3w5y7z9b1d3f --output letter.eml"],
    run: async (session, [id], { output }) => {
      const bytes = await session.http.bytes(`/v1/messages/${segment(id)}/raw`);
      if (output !== undefined) await writeFile(session, output, bytes, id);
      else if (session.json) session.print({ id, size: bytes.length, raw_base64: bytes.toString("base64") }, () => "");
      else session.deps.stdout.write(session.deps.stdout.isTTY ? printableLines(bytes.toString("utf8")) : bytes);
    },
  });
}

async function writeFile({ deps, print }: Session, path: string, bytes: Buffer, id: string): Promise<void> {
  try {
    await deps.files.create(path, bytes);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "is there already" : `cannot be written (${code ?? "unknown"})`;
    throw new PosternError("invalid_request", `\`${path}\` ${why}`, { fix: "name another file", cause });
  }
  print({ id, size: bytes.length, file: path }, () => `wrote ${bytes.length} bytes to ${path}`);
}

interface DecideOptions extends OptionValues {
  readonly note?: string;
}

function addDecide(cli: Cli, group: Cli["program"], action: "release" | "discard", summary: string): void {
  addCommand<[id: string], DecideOptions>(cli, group, {
    usage: `${action} <id>`,
    summary,
    about: "Needs a key with the scope `oversight`. A message is decided on once.",
    arguments: { id: "msg_…" },
    options: (command) => command.option("--note <text>", "why; kept beside the audit entry"),
    examples: [
      `messages ${action} msg_1h3k5m7p9r1t3w5y7z9b1d3f --note 'asked on the phone'`,
      `messages ${action} msg_1h3k5m7p9r1t3w5y7z9b1d3f --json`,
    ],
    run: async ({ http, print, cells }, [id], { note }) => {
      const decision = await http.send<Decision>("POST", `/v1/messages/${segment(id)}/${action}`, note === undefined ? {} : { note });
      print(decision, () => formatFields(decisionFields(decision), cells));
    },
  });
}

function columns(session: Session): readonly Column<Summary>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "RECEIVED (UTC)", value: ({ received_at }) => shortTime(received_at) },
    { title: "OUTCOME", value: ({ outcome }) => outcome, style: (text, { outcome }) => paintOutcome(session, text, outcome) },
    { title: "FROM", value: (message) => sender(message), min: 14 },
    { title: "SUBJECT", value: ({ subject }) => subject, min: 14 },
  ];
}

function formatMessage(message: Message, cells: number | null): string {
  const { verification, tokens_consumed, hidden_text = [] } = message;
  const fields = formatFields(
    [
      ["id", message.id],
      ["thread", message.thread_id],
      ["received", formatTime(message.received_at)],
      ["outcome", message.outcome],
      ["from", sender(message)],
      ["to", list(message.to)],
      ["cc", list(message.cc)],
      ["envelope", `from <${message.envelope.sender}> to <${message.envelope.recipient}>`],
      ["subject", message.subject],
      ["verification", verification === null ? null : formatVerification(verification)],
      ["capabilities", list(message.capabilities) ?? "none"],
      ["tokens", `${message.tokens_reserved} reserved${tokens_consumed === null ? "" : `, ${tokens_consumed} used`}`],
      ["size", `${message.size} bytes`],
      [
        "attachments",
        list(
          message.attachments.map(({ filename, content_type, size }) => `${filename ?? "unnamed"} (${content_type}, ${size} bytes)`),
          ", ",
        ),
      ],
      ["hidden", hidden_text.length === 0 ? null : `${hidden_text.length} pieces of text that a reader would not see, shown with --json`],
    ],
    cells,
  );
  return `${fields}\n\n${message.text === null ? "(the text is no longer kept)" : printableLines(message.text).trimEnd()}`;
}

function list(texts: readonly string[], separator = " "): string | null {
  return texts.length === 0 ? null : texts.join(separator);
}

function sender({ from, from_verified }: Summary): string {
  if (from === null) return "ambiguous";
  return from_verified ? from : `${from} (unverified)`;
}
