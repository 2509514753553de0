import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import type { Session } from "./session.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
import { formatTime } from "./time.ts";

interface Domain {
  readonly id: string;
  readonly domain: string;
  readonly state: string;
  readonly keys: readonly { readonly id: string; readonly selector: string; readonly state: string }[];
  readonly created_at: string;
  readonly checked_at: string | null;
  readonly records: readonly DnsRecord[];
}

/** `status` and `found` once DNS was asked. */
interface DnsRecord {
  readonly purpose: string;
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly status?: string;
  readonly found?: readonly string[];
}

export function addDomains(cli: Cli): void {
  const group = addGroup(cli.program, "domains", "whose domains mail is sent for, and with which keys", [
    "domains add acme.example",
    "domains verify acme.example",
  ]);
  addList(cli, group);
  addAct(cli, group, {
    name: "add",
    path: "",
    summary: "claim a domain and show the DNS records to publish",
    about: "Makes the key that signs its mail. Claiming again changes nothing.",
  });
  addShow(cli, group);
  addAct(cli, group, {
    name: "verify",
    path: "/verify",
    summary: "look at the domain's DNS records",
    about: "Verified when DNS shows the key that signs. SPF and DMARC are reported and decide nothing. Exit codes: 0 verified, 1 not.",
    exit: ({ state }) => (state === "verified" ? EXIT.ok : EXIT.failure),
  });
  addAct(cli, group, {
    name: "rotate",
    path: "/rotate",
    summary: "make the next DKIM key",
    about: "It signs nothing before it is activated: publish its record first.",
  });
  addAct(cli, group, {
    name: "activate",
    path: "/activate",
    summary: "sign with the next DKIM key",
    about: "Refused until DNS shows it. Leave the old record published for a week: mail under way is signed with it.",
  });
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], PageOptions>(cli, group, {
    usage: "list",
    summary: "list the tenant's domains",
    options: pageOptions,
    examples: ["domains list", "domains list --json"],
    run: async ({ http, print, note, cells }, _, options) => {
      const page = await http.get<Page<Domain>>("/v1/domains", pageQuery(options));
      print(page, () => (page.items.length === 0 ? "no domains" : formatTable(COLUMNS, page.items, cells)));
      const more = nextPage(page);
      if (more !== null) note(more);
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[domain: string], Record<string, never>>(cli, group, {
    usage: "show <domain>",
    summary: "show a domain and what it should publish",
    arguments: { domain: "one of the tenant's" },
    examples: ["domains show acme.example", "domains show acme.example --json"],
    run: async (session, [name]) => show(session, await session.http.get<Domain>(`/v1/domains/${segment(name)}`)),
  });
}

interface Act {
  readonly name: string;
  /** After the domain's own; empty: the domain is in the body. */
  readonly path: string;
  readonly summary: string;
  readonly about: string;
  readonly exit?: (domain: Domain) => Exit;
}

function addAct(cli: Cli, group: Cli["program"], { name, path, summary, about, exit = () => EXIT.ok }: Act): void {
  addCommand<[domain: string], Record<string, never>>(cli, group, {
    usage: `${name} <domain>`,
    summary,
    about,
    arguments: { domain: "a domain name such as acme.example" },
    examples: [`domains ${name} acme.example`, `domains ${name} acme.example --json`],
    run: async (session, [domain]) => {
      const [place, body] = path === "" ? ["/v1/domains", { domain }] : [`/v1/domains/${segment(domain)}${path}`, {}];
      const answer = await session.http.send<Domain>("POST", place, body);
      show(session, answer);
      return exit(answer);
    },
  });
}

const COLUMNS: readonly Column<Domain>[] = [
  { title: "DOMAIN", value: ({ domain }) => domain, min: 16 },
  { title: "STATE", value: ({ state }) => state },
  { title: "KEY", value: ({ keys }) => keys.find(({ state }) => state === "active")?.selector ?? "none" },
  { title: "CHECKED", value: ({ checked_at }) => (checked_at === null ? "never" : formatTime(checked_at)) },
];

function show({ print, cells }: Session, domain: Domain): void {
  print(domain, () =>
    [formatFields(domainFields(domain), cells), ...domain.records.map((record) => formatRecord(record, cells))].join("\n\n"),
  );
}

function domainFields({ domain, state, keys, checked_at }: Domain): [string, string | null][] {
  return [
    ["domain", domain],
    ["state", state],
    ["keys", keys.length === 0 ? "none yet" : keys.map((key) => `${key.selector} (${key.state})`).join(", ")],
    ["checked", checked_at === null ? "never" : formatTime(checked_at)],
  ];
}

function formatRecord({ purpose, name, value, note, status, found }: DnsRecord, cells: number | null): string {
  const fields: [string, string | null][] = [
    [purpose.toUpperCase(), status === undefined ? note : (STATUSES[status] ?? status)],
    ["name", name],
    ["TXT", value],
    ...(found ?? []).filter((text) => text !== value).map((text): [string, string] => ["found", text]),
  ];
  return formatFields(fields, cells);
}

const STATUSES: Readonly<Record<string, string>> = {
  ok: "ok",
  missing: "MISSING: publish this",
  differs: "DIFFERS from what is wanted",
  unknown: "unknown: DNS did not answer, try again",
};
