import { Option } from "commander";
import { HOLD_STATUSES } from "../model/hold.ts";
import { segment, type Query } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { mailboxId } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { addEdit } from "./pending-edit.ts";
import { formatPending } from "./pending-show.ts";
import { pendingColumns, type Pending, type PendingDetail } from "./pending-text.ts";
import { addWatch } from "./pending-watch.ts";
import { formatTable } from "./table.ts";
import { addApprove, addReject, addResend, addSettle } from "./verdicts.ts";

/** What people decide about: drafts, and mail that was held. */
export function addPending(cli: Cli): void {
  const group = addGroup(cli.program, "pending", "what waits for people", [
    "pending list",
    "pending show drf_5n7q9s1v3x5z7b9d1f3h5k7m",
    "pending approve drf_5n7q9s1v3x5z7b9d1f3h5k7m",
  ]);
  addList(cli, group);
  addShow(cli, group);
  addApprove(cli, group);
  addReject(cli, group);
  addEdit(cli, group);
  addWatch(cli, group);
  addResend(cli, group);
  addSettle(cli, group);
}

interface ListOptions extends PageOptions {
  readonly mailbox?: string;
  readonly direction?: string;
  readonly status?: string;
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list what waits for people",
    about: "Drafts and mail that came in. Needs a key with the scope `oversight` or `admin`.",
    options: (command) =>
      pageOptions(
        command
          .option("--mailbox <mailbox>", "id or address (default: all that the key sees)")
          .addOption(new Option("--direction <direction>", "only this way").choices(["inbound", "outbound"]))
          .addOption(new Option("--status <status>", "what became of it (default: waiting)").choices(HOLD_STATUSES)),
      ),
    examples: [
      "pending list",
      "pending list --mailbox assistant@acme.example --direction outbound --json",
      "pending list --status rejected --limit 20",
    ],
    run: async (session, _, options) => {
      const { mailbox, direction, status } = options;
      const mailbox_id = mailbox === undefined ? undefined : await mailboxId(session.http, mailbox);
      const query: Query = { ...pageQuery(options), mailbox_id, direction, status };
      const page = await session.http.get<Page<Pending>>("/v1/pending", query);
      session.print(page, () => (page.items.length === 0 ? "nothing" : formatTable(pendingColumns(session), page.items, session.cells)));
      const more = nextPage(page);
      if (more !== null) session.note(more);
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], Record<string, never>>(cli, group, {
    usage: "show <id>",
    summary: "show all that is needed to decide",
    about:
      "The whole content with invisible characters spelled out, where links lead, what guards saw, what editors changed, and what to type next.",
    arguments: { id: "a draft (drf_…), or mail that came in (msg_…)" },
    examples: ["pending show drf_5n7q9s1v3x5z7b9d1f3h5k7m", "pending show drf_5n7q9s1v3x5z7b9d1f3h5k7m --json"],
    run: async (session, [id]) => {
      const item = await session.http.get<PendingDetail>(`/v1/pending/${segment(id)}`);
      session.print(item, () => formatPending(session, item));
    },
  });
}
