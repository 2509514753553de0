import type { Command, OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import { MODES, type Mode } from "../model/outbound.ts";
import { segment } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { mailboxId, type Mailbox } from "./mailbox-id.ts";
import { formatMailbox } from "./mailbox-text.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";
import { formatTime } from "./time.ts";

interface ModeOptions extends OptionValues {
  readonly code?: string;
  readonly copyTo?: string;
}

export function addMode(cli: Cli, group: Cli["program"]): void {
  addCommand<[mailbox: string, mode: Mode], ModeOptions>(cli, group, {
    usage: "mode <mailbox> <mode>",
    summary: "change how much people see and decide",
    about: "Down (stricter) is free and holds at once. Up needs an operator's one-time code, see `postern mailbox mode-code`.",
    arguments: { mailbox: "id, address or alias", mode: "strictest first" },
    options: (command) =>
      modeArgument(command)
        .option("--code <code>", "the operator's code, needed to go up; - reads it from standard input")
        .option("--copy-to <address>", "who gets a copy of what is sent while the mode is `monitored`"),
    examples: [
      "mailbox mode assistant@acme.example gated_all",
      "mailbox mode assistant@acme.example monitored --code - --copy-to oversight@acme.example < code.txt",
      "mailbox mode assistant@acme.example gated_send --json",
    ],
    run: async (session, [text, oversight_mode], options) => {
      const id = await mailboxId(session.http, text);
      const change = { oversight_mode, ...(await codeOf(session, options)), ...copyOf(options) };
      const mailbox = await session.http.send<Mailbox>("PATCH", `/v1/mailboxes/${segment(id)}`, change);
      session.print(mailbox, () => formatMailbox(mailbox, session.cells));
    },
  });
}

interface ModeCode {
  readonly mailbox_id: string;
  readonly oversight_mode: string;
  readonly mode_code: string;
  readonly expires_at: string;
}

export function addModeCode(cli: Cli, group: Cli["program"]): void {
  addCommand<[mailbox: string, mode: Mode], Record<string, never>>(cli, group, {
    usage: "mode-code <mailbox> <mode>",
    summary: "make a code that lets a mailbox go up",
    about: "Needs an operator's key. For one use within 24 hours, for this mailbox and mode only; a second one replaces the first.",
    arguments: { mailbox: "id, address or alias", mode: "the mode it lets the mailbox go up to" },
    options: modeArgument,
    examples: ["mailbox mode-code assistant@acme.example autonomous", "mailbox mode-code assistant@acme.example monitored --json"],
    run: async ({ http, print, note, cells }, [text, oversight_mode]) => {
      const id = await mailboxId(http, text);
      const made = await http.send<ModeCode>("POST", `/v1/mailboxes/${segment(id)}/mode-code`, { oversight_mode });
      const { mailbox_id, mode_code, expires_at } = made;
      print(
        made,
        () =>
        formatFields([["mailbox", mailbox_id], ["mode", made.oversight_mode], ["code", mode_code], ["until", formatTime(expires_at)]], cells), // prettier-ignore
      );
      note("the code is shown this once; give it to whoever is to use it");
    },
  });
}

function modeArgument(command: Command): Command {
  command.registeredArguments.find((argument) => argument.name() === "mode")?.choices(MODES);
  return command;
}

async function codeOf({ deps }: Session, { code }: ModeOptions): Promise<{ readonly mode_code?: string }> {
  if (code === undefined) return {};
  const mode_code = (code === "-" ? (await deps.stdin()).toString("utf8") : code).trim();
  if (mode_code === "")
    throw new PosternError("invalid_request", "the code is empty", { fix: "give the code as an operator was shown it" });
  return { mode_code };
}

function copyOf({ copyTo }: ModeOptions): { readonly oversight_address?: string } {
  return copyTo === undefined ? {} : { oversight_address: copyTo };
}
