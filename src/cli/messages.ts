import { Option, type OptionValues } from "commander";
import { INBOUND_OUTCOMES, isFinal } from "../model/decision.ts";
import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { decisionFields, type Decision } from "./decision-text.ts";
import { chosenMailbox } from "./mailbox-id.ts";
import { formatMessage, messageColumns, type Message, type Summary } from "./message-text.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { ABOUT_RAW, putOut, rawOptions, type RawOptions } from "./raw.ts";
import { formatFields, formatTable } from "./table.ts";

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
      session.print(page, () =>
        page.items.length === 0 ? "no messages" : formatTable(messageColumns(session), page.items, session.cells),
      );
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

function addRaw(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], RawOptions>(cli, group, {
    usage: "raw <id>",
    summary: "write the bytes of a message as they were received",
    about: ABOUT_RAW,
    arguments: { id: "msg_…" },
    options: rawOptions,
    examples: ["messages raw msg_1h3k5m7p9r1t3w5y7z9b1d3f > letter.eml", "messages raw msg_1h3k5m7p9r1t3w5y7z9b1d3f --output letter.eml"],
    run: async (session, [id], options) => putOut(session, id, await session.http.bytes(`/v1/messages/${segment(id)}/raw`), options),
  });
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
