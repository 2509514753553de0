import { Option, type OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import { MODES } from "../model/outbound.ts";
import { addChannels } from "./channels.ts";
import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { mailboxId, type Mailbox } from "./mailbox-id.ts";
import { formatMailbox } from "./mailbox-text.ts";
import { addMode, addModeCode } from "./modes.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { formatTable, type Column } from "./table.ts";

export function addMailboxes(cli: Cli): void {
  const group = addGroup(cli.program, "mailbox", "the mailboxes of agents", ["mailbox create assistant@acme.example", "mailbox list"]);
  addCreate(cli, group);
  addList(cli, group);
  addShow(cli, group);
  addMode(cli, group);
  addModeCode(cli, group);
  addChannels(cli, group);
}

interface CreateOptions extends OptionValues {
  readonly agent?: string;
  readonly oversightMode?: string;
  readonly copyTo?: string;
}

function addCreate(cli: Cli, group: Cli["program"]): void {
  addCommand<[address: string], CreateOptions>(cli, group, {
    usage: "create <address>",
    summary: "make a mailbox",
    about: "Makes its domain and agent as needed. Without a policy everything is refused.",
    arguments: { address: "name@domain, unique on the instance" },
    options: (command) =>
      command
        .option("--agent <id>", "your name for the agent that owns it (default: the part before the @)")
        .addOption(
          new Option(
            "--oversight-mode <mode>",
            "how much people see and decide (default: gated_send; a freer one needs an operator's key)",
          ).choices(MODES),
        )
        .option("--copy-to <address>", "who gets a copy of what is sent while the mode is `monitored`"),
    examples: [
      "mailbox create assistant@acme.example",
      "mailbox create bookings@acme.example --agent assistant --json",
      "mailbox create intake@acme.example --oversight-mode gated_all",
    ],
    run: async ({ http, print, cells }, [address], { agent, oversightMode, copyTo }) => {
      const { local, domain } = splitAddress(address);
      const mode = oversightMode === undefined ? {} : { oversight_mode: oversightMode };
      const copies = copyTo === undefined ? {} : { oversight_address: copyTo };
      const wanted = { address_local_part: local, domain, agent_id: agent ?? local, ...mode, ...copies };
      const mailbox = await http.send<Mailbox>("POST", "/v1/mailboxes", wanted);
      print(mailbox, () => formatMailbox(mailbox, cells));
    },
  });
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], PageOptions>(cli, group, {
    usage: "list",
    summary: "list the mailboxes the key may see",
    options: pageOptions,
    examples: ["mailbox list", "mailbox list --limit 200 --json"],
    run: async ({ http, print, note, cells }, _, options) => {
      const page = await http.get<Page<Mailbox>>("/v1/mailboxes", pageQuery(options));
      print(page, () => (page.items.length === 0 ? "no mailboxes" : formatTable(COLUMNS, page.items, cells)));
      const more = nextPage(page);
      if (more !== null) note(more);
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[mailbox: string], Record<string, never>>(cli, group, {
    usage: "show <mailbox>",
    summary: "show one mailbox",
    arguments: { mailbox: "id, address or alias" },
    examples: ["mailbox show assistant@acme.example", "mailbox show mbx_7w3v9k2m5q8r1t4x6z0b2d4f --json"],
    run: async ({ http, print, cells }, [text]) => {
      const mailbox = await http.get<Mailbox>(`/v1/mailboxes/${segment(await mailboxId(http, text))}`);
      print(mailbox, () => formatMailbox(mailbox, cells));
    },
  });
}

const COLUMNS: readonly Column<Mailbox>[] = [
  { title: "ID", value: (mailbox) => mailbox.id },
  { title: "ADDRESS", value: (mailbox) => mailbox.address, min: 16 },
  { title: "AGENT", value: (mailbox) => mailbox.agent_id, min: 8 },
  { title: "MODE", value: (mailbox) => mailbox.oversight_mode },
  { title: "POLICY", value: (mailbox) => (mailbox.policy === null ? "none" : `version ${mailbox.policy.version}`) },
];

function splitAddress(address: string): { readonly local: string; readonly domain: string } {
  const at = address.lastIndexOf("@");
  if (at < 1 || at === address.length - 1) {
    throw new PosternError("invalid_request", `\`${address}\` is not an address`, { fix: "write it like `assistant@acme.example`" });
  }
  return { local: address.slice(0, at), domain: address.slice(at + 1) };
}
