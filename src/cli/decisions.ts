import { Option, type OptionValues } from "commander";
import { INBOUND_OUTCOMES } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import { segment, type Client } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { paintOutcome, type Decision } from "./decision-text.ts";
import { formatExplanation, type Explanation } from "./explanation.ts";
import { chosenMailbox } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import type { Session } from "./session.ts";
import { formatTable, type Column } from "./table.ts";
import { shortTime } from "./time.ts";

export function addDecisions(cli: Cli): void {
  const group = addGroup(cli.program, "decisions", "what was decided, and why", [
    "decisions list",
    "decisions explain dec_3m5p7r9t1v3x5z7b9d1f3h5k",
  ]);
  addList(cli, group);
  addExplain(cli, group);
}

interface ListOptions extends PageOptions {
  readonly mailbox?: string;
  readonly message?: string;
  readonly thread?: string;
  readonly outcome?: string;
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list the decisions of a mailbox",
    options: (command) =>
      pageOptions(
        command
          .option("--mailbox <mailbox>", "id or address (default: the only one)")
          .option("--message <id>", "only of this message")
          .option("--thread <id>", "only of this thread")
          .addOption(new Option("--outcome <outcome>", "only with this outcome").choices(INBOUND_OUTCOMES)),
      ),
    examples: ["decisions list --mailbox assistant@acme.example", "decisions list --outcome rejected_at_policy --limit 20 --json"],
    run: async (session, _, options) => {
      const { mailbox, message, thread, outcome } = options;
      const path = `/v1/mailboxes/${segment(await chosenMailbox(session.http, mailbox))}/decisions`;
      const query = { ...pageQuery(options), message_id: message, thread_id: thread, outcome };
      const page = await session.http.get<Page<Decision>>(path, query);
      session.print(page, () => (page.items.length === 0 ? "no decisions" : formatTable(columns(session), page.items, session.cells)));
      const more = nextPage(page);
      if (more !== null) session.note(more);
    },
  });
}

function addExplain(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], OptionValues>(cli, group, {
    usage: "explain <id>",
    summary: "show every step, input, rule and cost of a decision",
    arguments: { id: "a decision (dec_…), or a message (msg_…) or draft (drf_…): the last decision about it" },
    examples: [
      "decisions explain dec_3m5p7r9t1v3x5z7b9d1f3h5k",
      "decisions explain msg_1h3k5m7p9r1t3w5y7z9b1d3f --json",
      "decisions explain drf_5n7q9s1v3x5z7b9d1f3h5k7m",
    ],
    run: async (session, [id]) => {
      const explanation = await session.http.get<Explanation>(`/v1/decisions/${segment(id)}/explain`);
      session.print(explanation, () => formatExplanation(session, explanation));
    },
  });
}

/** The newest decision about a message that the key may see. */
export async function latestDecision(http: Client, message: string): Promise<Decision> {
  const { mailbox_id } = await http.get<{ readonly mailbox_id: string }>(`/v1/messages/${segment(message)}`);
  const { items } = await http.get<Page<Decision>>(`/v1/mailboxes/${segment(mailbox_id)}/decisions`, { message_id: message, limit: 1 });
  const [latest] = items;
  if (latest === undefined) throw new PosternError("not_found", `nothing was decided about \`${message}\``);
  return latest;
}

function columns(session: Session): readonly Column<Decision>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "AT (UTC)", value: ({ at }) => shortTime(at) },
    { title: "OUTCOME", value: ({ outcome }) => outcome, style: (text, { outcome }) => paintOutcome(session, text, outcome) },
    { title: "REASON", value: ({ reason }) => reason, min: 12 },
    { title: "CAPABILITIES", value: ({ capabilities }) => capabilities.join(" "), min: 8 },
  ];
}
