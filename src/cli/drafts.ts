import { Option } from "commander";
import { DRAFT_STATES } from "../model/outbound.ts";
import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { draftColumns, formatDraft, nextStep, type Draft } from "./draft-text.ts";
import { chosenMailbox } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { formatTable } from "./table.ts";

export function addDrafts(cli: Cli): void {
  const group = addGroup(cli.program, "drafts", "what was submitted, and what became of it", [
    "drafts list",
    "drafts show drf_5n7q9s1v3x5z7b9d1f3h5k7m",
  ]);
  addList(cli, group);
  addShow(cli, group);
  addCancel(cli, group);
}

interface ListOptions extends PageOptions {
  readonly mailbox?: string;
  readonly status?: string;
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list the drafts of a mailbox",
    options: (command) =>
      pageOptions(
        command
          .option("--mailbox <mailbox>", "id or address (default: the only one)")
          .addOption(new Option("--status <status>", "only those that are there").choices(DRAFT_STATES)),
      ),
    examples: ["drafts list --mailbox assistant@acme.example", "drafts list --status unknown --limit 20 --json"],
    run: async (session, _, options) => {
      const path = `/v1/mailboxes/${segment(await chosenMailbox(session.http, options.mailbox))}/drafts`;
      const page = await session.http.get<Page<Draft>>(path, { ...pageQuery(options), status: options.status });
      session.print(page, () => (page.items.length === 0 ? "no drafts" : formatTable(draftColumns(session), page.items, session.cells)));
      const more = nextPage(page);
      if (more !== null) session.note(more);
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], Record<string, never>>(cli, group, {
    usage: "show <id>",
    summary: "show a draft and what became of it at each recipient",
    arguments: { id: "drf_…" },
    examples: ["drafts show drf_5n7q9s1v3x5z7b9d1f3h5k7m", "drafts show drf_5n7q9s1v3x5z7b9d1f3h5k7m --json"],
    run: async (session, [id]) => {
      const draft = await session.http.get<Draft>(`/v1/drafts/${segment(id)}`);
      session.print(draft, () => formatDraft(session, draft));
      const next = draft.status === "unknown" || draft.status === "pending_send_approval" ? nextStep(draft) : null;
      if (next !== null) session.note(next);
    },
  });
}

function addCancel(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], Record<string, never>>(cli, group, {
    usage: "cancel <id>",
    summary: "take a draft back",
    about: "Possible until its bytes are on their way; too late is 6.",
    arguments: { id: "drf_…" },
    examples: ["drafts cancel drf_5n7q9s1v3x5z7b9d1f3h5k7m", "drafts cancel drf_5n7q9s1v3x5z7b9d1f3h5k7m --json"],
    run: async (session, [id]) => {
      const draft = await session.http.send<Draft>("DELETE", `/v1/drafts/${segment(id)}`, null);
      session.print(draft, () => formatDraft(session, draft));
    },
  });
}
