import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { mailboxId } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { quoted } from "./pending-content.ts";
import { ABOUT_RAW, putOut, rawOptions, type RawOptions } from "./raw.ts";
import type { Session } from "./session.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
import { fold } from "./text.ts";
import { formatTime, shortTime } from "./time.ts";

interface Sunk {
  readonly id: string;
  readonly mailbox_id: string;
  readonly draft_id: string;
  readonly envelope_sender: string;
  readonly recipients: readonly string[];
  readonly size: number;
  readonly sent_at: string;
}

interface SunkDetail extends Sunk {
  readonly subject: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly text: string;
}

export function addSink(cli: Cli): void {
  const group = addGroup(cli.program, "sink", "mail that the sandbox kept instead of sending it", [
    "sink list",
    "sink show snk_2n4p6r8t0v1x3z5b7d9f1h3k",
  ]);
  addList(cli, group);
  addShow(cli, group);
  addRaw(cli, group);
}

interface ListOptions extends PageOptions {
  readonly mailbox?: string;
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list mail that would have left",
    about: "Without a relay (POSTERN_RELAY) nothing leaves the machine.",
    options: (command) => pageOptions(command.option("--mailbox <mailbox>", "id or address (default: all of the tenant)")),
    examples: ["sink list", "sink list --mailbox assistant@acme.example --limit 10 --json"],
    run: async ({ http, print, note, cells }, _, options) => {
      const mailbox_id = options.mailbox === undefined ? undefined : await mailboxId(http, options.mailbox);
      const page = await http.get<Page<Sunk>>("/v1/sink", { ...pageQuery(options), mailbox_id });
      print(page, () => (page.items.length === 0 ? "nothing" : formatTable(COLUMNS, page.items, cells)));
      const more = nextPage(page);
      if (more !== null) note(more);
    },
  });
}

const COLUMNS: readonly Column<Sunk>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "SENT (UTC)", value: ({ sent_at }) => shortTime(sent_at) },
  { title: "FROM", value: ({ envelope_sender }) => envelope_sender, min: 14 },
  { title: "TO", value: ({ recipients }) => recipients.join(" "), min: 14 },
  { title: "BYTES", value: ({ size }) => String(size) },
];

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], Record<string, never>>(cli, group, {
    usage: "show <id>",
    summary: "show header and text of mail that would have left",
    arguments: { id: "snk_…" },
    examples: ["sink show snk_2n4p6r8t0v1x3z5b7d9f1h3k", "sink show snk_2n4p6r8t0v1x3z5b7d9f1h3k --json"],
    run: async (session, [id]) => {
      const mail = await session.http.get<SunkDetail>(`/v1/sink/${segment(id)}`);
      session.print(mail, () => formatSunk(session, mail));
    },
  });
}

function formatSunk(session: Session, { headers, text, ...mail }: SunkDetail): string {
  const { cells, paint } = session;
  const envelope = formatFields(
    [
      ["id", mail.id],
      ["draft", mail.draft_id],
      ["sent", formatTime(mail.sent_at)],
      ["envelope", `from <${mail.envelope_sender}> to ${mail.recipients.map((address) => `<${address}>`).join(" ")}`],
      ["size", `${mail.size} bytes`],
    ],
    cells,
    fold,
  );
  const header = headers.map(({ name, value }) => `${name}: ${value}`).join("\n");
  return [envelope, "", paint("bold", "Header"), ...quoted(session, header), "", paint("bold", "Text"), ...quoted(session, text)].join(
    "\n",
  );
}

function addRaw(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], RawOptions>(cli, group, {
    usage: "raw <id>",
    summary: "write the bytes that would have left",
    about: ABOUT_RAW,
    arguments: { id: "snk_…" },
    options: rawOptions,
    examples: ["sink raw snk_2n4p6r8t0v1x3z5b7d9f1h3k > sent.eml", "sink raw snk_2n4p6r8t0v1x3z5b7d9f1h3k --output sent.eml"],
    run: async (session, [id], options) => putOut(session, id, await session.http.bytes(`/v1/sink/${segment(id)}/raw`), options),
  });
}
