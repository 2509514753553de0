import { InvalidArgumentError, type OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import { isId } from "../model/ids.ts";
import { SCOPES } from "../store/contract.ts";
import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { mailboxId } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { addText } from "./repeated.ts";
import type { Session } from "./session.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
import { formatTime, shortTime } from "./time.ts";

interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly mailboxes: readonly string[] | null;
  readonly attest: boolean;
  readonly masked: string;
  readonly created_at: string;
}

interface NewKey extends Key {
  readonly key: string;
}

interface ListedKey extends Key {
  readonly revoked_at: string | null;
}

export function addKeys(cli: Cli): void {
  const group = addGroup(cli.program, "key", "access keys", [
    "key create 'the assistant' --scope read --mailbox assistant@acme.example",
    "key list",
  ]);
  addCreate(cli, group);
  addList(cli, group);
  addRevoke(cli, group);
}

interface CreateOptions extends OptionValues {
  readonly scope: readonly string[];
  readonly mailbox?: readonly string[];
  readonly attest?: true;
}

function addCreate(cli: Cli, group: Cli["program"]): void {
  addCommand<[name: string], CreateOptions>(cli, group, {
    usage: "create <name>",
    summary: "make a key, shown this once",
    about:
      "An agent's key has the scopes `read` and, where it sends, `send`, and its mailboxes; a person's has `oversight` or `admin`. `send` and `oversight` never go together.",
    arguments: { name: "for people, shown in lists" },
    options: (command) =>
      command
        .requiredOption("--scope <scope>", `${SCOPES.join(", ")}; may be repeated`, addScope)
        .option("--mailbox <mailbox>", "id or address; may be repeated (default: all of the tenant)", addText)
        .option("--attest", "of a key that ingests: believed about where mail came from and what was verified; only for a bridge you run"),
    examples: [
      "key create 'the assistant' --scope read --mailbox assistant@acme.example",
      "key create 'review desk' --scope oversight",
      "key create 'the assistant' --scope read --json",
    ],
    run: async ({ http, print, note, cells }, [name], { scope, mailbox, attest = false }) => {
      const mailboxes = mailbox === undefined ? {} : { mailboxes: await Promise.all(mailbox.map((text) => mailboxId(http, text))) };
      const key = await http.send<NewKey>("POST", "/v1/keys", { name, scopes: scope, ...mailboxes, ...(attest ? { attest } : {}) });
      print(key, () => formatFields(fieldsOf(key), cells));
      note("the key is shown this once; put it where only its owner can read it");
    },
  });
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], PageOptions>(cli, group, {
    usage: "list",
    summary: "list keys, never a key itself",
    about: "All of the tenant, revoked ones too. Needs a key with the scope `admin`.",
    options: pageOptions,
    examples: ["key list", "key list --limit 200 --json"],
    run: async (session, _, options) => {
      const page = await session.http.get<Page<ListedKey>>("/v1/keys", pageQuery(options));
      session.print(page, () => (page.items.length === 0 ? "no keys" : formatTable(columns(session), page.items, session.cells)));
      const more = nextPage(page);
      if (more !== null) session.note(more);
    },
  });
}

function columns({ paint }: Session): readonly Column<ListedKey>[] {
  return [
    { title: "ID", value: ({ id }) => id },
    { title: "NAME", value: ({ name }) => name, min: 12 },
    { title: "SCOPES", value: scopesOf, min: 8 },
    { title: "MAILBOXES", value: ({ mailboxes }) => (mailboxes === null ? "all" : mailboxes.join(" ")), min: 9 },
    { title: "CREATED (UTC)", value: ({ created_at }) => shortTime(created_at) },
    {
      title: "STATE",
      value: ({ revoked_at }) => (revoked_at === null ? "in use" : `revoked ${shortTime(revoked_at)}`),
      style: (text, { revoked_at }) => (revoked_at === null ? text : paint("red", text)),
    },
  ];
}

/** A key that is believed is not to be overlooked in a list. */
function scopesOf({ scopes, attest }: Key): string {
  return [...scopes, ...(attest ? ["(attests)"] : [])].join(" ");
}

function addRevoke(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], Record<string, never>>(cli, group, {
    usage: "revoke <id>",
    summary: "revoke a key",
    about: "From the next request on it is not known. Revoking twice is fine.",
    arguments: { id: "the id of the key, key_…, not the key itself" },
    examples: ["key revoke key_2n4p6r8t0v1x3z5b7d9f1h3k", "key revoke key_2n4p6r8t0v1x3z5b7d9f1h3k --json"],
    run: async ({ http, print }, [id]) => {
      // Whoever gives the key itself should not find it again in a log.
      if (!isId("key", id))
        throw new PosternError("invalid_request", "this is not the id of a key", { fix: "give its id, `key_…`, not the key itself" });
      await http.remove(`/v1/keys/${segment(id)}`);
      print({ id, revoked: true }, () => `revoked ${id}`);
    },
  });
}

function fieldsOf(key: NewKey): [string, string][] {
  return [
    ["id", key.id],
    ["name", key.name],
    ["scopes", key.scopes.join(" ")],
    ["mailboxes", key.mailboxes === null ? "all of the tenant" : key.mailboxes.join(" ")],
    ["created", formatTime(key.created_at)],
    ["key", key.key],
  ];
}

function addScope(text: string, scopes: readonly string[] = []): readonly string[] {
  if (!(SCOPES as readonly string[]).includes(text)) throw new InvalidArgumentError(`choose from ${SCOPES.join(", ")}`);
  return [...scopes, text];
}
