import { Option, type OptionValues } from "commander";
import { segment, type Client } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { mailboxId } from "./mailbox-id.ts";
import { PosternError } from "../model/errors.ts";
import { formatTable, type Column } from "./table.ts";
import { formatTime } from "./time.ts";

interface TargetOptions extends OptionValues {
  readonly mailbox?: string;
  readonly agent?: string;
  readonly tenant?: true;
}

interface Stopped {
  readonly stopped: boolean;
  readonly drafts: number;
}

/** The kill switch. */
export function addStops(cli: Cli): void {
  addTurn(cli, "stop", "kill switch: let nothing leave", "Also what is approved and has not left waits, for at most 5 days.");
  addTurn(cli, "start", "let mail leave again", "What waited looks again at once.");
  addList(cli);
}

function addTurn(cli: Cli, verb: "stop" | "start", summary: string, about: string): void {
  addCommand<[], TargetOptions>(cli, cli.program, {
    usage: verb,
    summary,
    about: `${about} Needs a key with the scope \`oversight\` or \`admin\`. Say what: one of the three.`,
    options: (command) =>
      command
        .addOption(new Option("--mailbox <mailbox>", "id or address").conflicts(["agent", "tenant"]))
        .addOption(new Option("--agent <id>", "all mailboxes of an agent").conflicts(["mailbox", "tenant"]))
        .addOption(new Option("--tenant", "everything of the tenant").conflicts(["mailbox", "agent"])),
    examples: [`${verb} --mailbox assistant@acme.example`, `${verb} --agent assistant`, `${verb} --tenant --json`],
    run: async ({ http, print }, _, options) => {
      const answer = await http.send<Stopped>("POST", await pathOf(http, verb, options), null);
      const drafts = `${answer.drafts} ${answer.drafts === 1 ? "draft" : "drafts"} under way`;
      print(answer, () => (answer.stopped ? `stopped; ${drafts} held back` : `started; ${drafts} may go on`));
    },
  });
}

async function pathOf(http: Client, verb: string, { mailbox, agent, tenant }: TargetOptions): Promise<string> {
  if (mailbox !== undefined) return `/v1/mailboxes/${segment(await mailboxId(http, mailbox))}/${verb}`;
  if (agent !== undefined) return `/v1/agents/${segment(agent)}/${verb}`;
  if (tenant === true) return `/v1/${verb}`;
  throw new PosternError("invalid_request", `\`${verb}\` does not say what`, {
    fix: "add `--mailbox ID|ADDRESS`, `--agent ID` or `--tenant`",
  });
}

interface Stop {
  readonly kind: "mailbox" | "agent" | "tenant";
  readonly id: string;
  readonly at: string;
}

function addList(cli: Cli): void {
  addCommand<[], Record<string, never>>(cli, cli.program, {
    usage: "stops",
    summary: "list what is stopped",
    examples: ["stops", "stops --json"],
    run: async ({ http, print, cells }) => {
      const page = await http.get<{ readonly items: readonly Stop[] }>("/v1/stops");
      print(page, () => (page.items.length === 0 ? "nothing is stopped" : formatTable(COLUMNS, page.items, cells)));
    },
  });
}

const COLUMNS: readonly Column<Stop>[] = [
  { title: "WHAT", value: ({ kind }) => kind },
  { title: "ID", value: ({ id }) => id },
  { title: "SINCE", value: ({ at }) => formatTime(at) },
];
