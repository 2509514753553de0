import { Option, type OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import { isId } from "../model/ids.ts";
import { segment, type Client } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
import { formatTime, parseTime } from "./time.ts";

const REASONS = ["HardBounce", "SpamComplaint", "manual"] as const;

interface Suppression {
  readonly id: string;
  readonly address: string;
  readonly reason: (typeof REASONS)[number];
  readonly source: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly ended_at: string | null;
}

export function addSuppressions(cli: Cli): void {
  const group = addGroup(cli.program, "suppressions", "whom nobody of the tenant writes to", [
    "suppressions list",
    "suppressions add gone@elsewhere.example --reason HardBounce",
  ]);
  addList(cli, group);
  addAdd(cli, group);
  addRemove(cli, group);
}

interface ListOptions extends PageOptions {
  readonly address?: string;
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list who is not written to",
    options: (command) => pageOptions(command.option("--address <address>", "only this one")),
    examples: ["suppressions list", "suppressions list --address gone@elsewhere.example --json"],
    run: async ({ http, print, note, cells }, _, options) => {
      const page = await http.get<Page<Suppression>>("/v1/suppressions", { ...pageQuery(options), address: options.address });
      print(page, () => (page.items.length === 0 ? "nobody" : formatTable(COLUMNS, page.items, cells)));
      const more = nextPage(page);
      if (more !== null) note(more);
    },
  });
}

interface AddOptions extends OptionValues {
  readonly reason?: string;
  readonly until?: string;
}

function addAdd(cli: Cli, group: Cli["program"]): void {
  addCommand<[address: string], AddOptions>(cli, group, {
    usage: "add <address>",
    summary: "never write to an address",
    about:
      "`HardBounce` and `SpamComplaint` end after 30 days unless `--until` says otherwise, `manual` never. One that is there keeps the later end.",
    arguments: { address: "name@domain" },
    options: (command) =>
      command
        .addOption(new Option("--reason <reason>", "why (default: manual)").choices(REASONS))
        .option("--until <time>", "when it ends, RFC 3339 with a zone", parseTime),
    examples: [
      "suppressions add gone@elsewhere.example",
      "suppressions add gone@elsewhere.example --reason HardBounce --until 2027-01-01T00:00:00Z --json",
    ],
    run: async ({ http, print, cells }, [address], { reason, until }) => {
      const wanted = { address, ...(reason === undefined ? {} : { reason }), ...(until === undefined ? {} : { expires_at: until }) };
      const suppression = await http.send<Suppression>("POST", "/v1/suppressions", wanted);
      print(suppression, () => formatFields(fieldsOf(suppression), cells));
    },
  });
}

function addRemove(cli: Cli, group: Cli["program"]): void {
  addCommand<[which: string], Record<string, never>>(cli, group, {
    usage: "remove <which>",
    summary: "let an address be written to again",
    arguments: { which: "the address, or the id of the suppression, sup_…" },
    examples: ["suppressions remove gone@elsewhere.example", "suppressions remove sup_2n4p6r8t0v1x3z5b7d9f1h3k --json"],
    run: async ({ http, print, cells }, [which]) => {
      const suppression = await http.send<Suppression>("DELETE", `/v1/suppressions/${segment(await suppressionId(http, which))}`, null);
      print(suppression, () => formatFields(fieldsOf(suppression), cells));
    },
  });
}

async function suppressionId(http: Client, text: string): Promise<string> {
  if (isId("sup", text)) return text;
  if (!text.includes("@")) {
    throw new PosternError("invalid_request", `\`${text}\` is neither an address nor a suppression`, {
      fix: "write `name@domain` or `sup_…`",
    });
  }
  const { items } = await http.get<Page<Suppression>>("/v1/suppressions", { address: text, limit: 1 });
  const [found] = items;
  if (found !== undefined) return found.id;
  throw new PosternError("not_found", `\`${text}\` is not suppressed`, { fix: "see `postern suppressions list`" });
}

const COLUMNS: readonly Column<Suppression>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "ADDRESS", value: ({ address }) => address, min: 16 },
  { title: "REASON", value: ({ reason }) => reason },
  { title: "UNTIL", value: (suppression) => untilOf(suppression) },
];

function fieldsOf(suppression: Suppression): [string, string | null][] {
  const { id, address, reason, source, created_at, ended_at } = suppression;
  return [
    ["id", id],
    ["address", address],
    ["reason", reason],
    ["entered by", source],
    ["since", formatTime(created_at)],
    ["until", untilOf(suppression)],
    ["ended", ended_at === null ? null : formatTime(ended_at)],
  ];
}

function untilOf({ expires_at }: Suppression): string {
  return expires_at === null ? "for good" : formatTime(expires_at);
}
