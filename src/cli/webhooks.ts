import { InvalidArgumentError, Option, type OptionValues } from "commander";
import { isId } from "../model/ids.ts";
import { channelText, type Channel } from "./channel-text.ts";
import { segment, type Client } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { EXIT } from "./exit.ts";
import { mailboxId } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type Page, type PageOptions } from "./paging.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
import { formatTime, shortTime } from "./time.ts";

interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly created_at: string;
  readonly secrets: readonly { readonly created_at: string; readonly expires_at: string | null }[];
  /** Of one that was just made or rotated. */
  readonly secret?: string;
}

export interface Delivery {
  readonly id: string;
  readonly message_id: string;
  readonly channel: Channel;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly created_at: string;
}

const WEBHOOK = "whk_3p5r7t9v1x3z5b7d9f1h3k5m";
const DELIVERY = "evt_4q6s8v0x2z4b6d8f0h2k4m6p";
const SHOWN_ONCE = "the secret is shown this once; the receiver checks signatures with it";

export function addWebhooks(cli: Cli): void {
  const group = addGroup(cli.program, "webhooks", "where mail is pushed to", [
    "webhooks create https://agent.example.com/mail",
    `webhooks deliveries ${WEBHOOK} --state dead`,
  ]);
  addCreate(cli, group);
  addList(cli, group);
  addShow(cli, group);
  addDelete(cli, group);
  addRotate(cli, group);
  addDeliveries(cli, group);
  addReplay(cli, group);
  addTest(cli, group);
}

interface CreateOptions extends OptionValues {
  readonly description?: string;
}

function addCreate(cli: Cli, group: Cli["program"]): void {
  addCommand<[url: string], CreateOptions>(cli, group, {
    usage: "create <url>",
    summary: "register a webhook",
    about: "It gets mail once a mailbox has it: `postern mailbox channels`. Signed by Standard Webhooks.",
    arguments: { url: "https, on the public Internet" },
    options: (command) => command.option("--description <text>", "for people"),
    examples: [
      "webhooks create https://agent.example.com/mail",
      "webhooks create https://agent.example.com/mail --description 'the assistant' --json",
    ],
    run: async ({ http, print, note, cells }, [url], { description = "" }) => {
      const webhook = await http.send<Webhook>("POST", "/v1/webhooks", { url, description });
      print(webhook, () => formatFields(fieldsOf(webhook), cells));
      note(SHOWN_ONCE);
    },
  });
}

function addList(cli: Cli, group: Cli["program"]): void {
  addCommand<[], PageOptions>(cli, group, {
    usage: "list",
    summary: "list webhooks",
    options: pageOptions,
    examples: ["webhooks list", "webhooks list --json"],
    run: async ({ http, print, note, cells }, _, options) => {
      const page = await http.get<Page<Webhook>>("/v1/webhooks", pageQuery(options));
      print(page, () => (page.items.length === 0 ? "no webhooks" : formatTable(COLUMNS, page.items, cells)));
      const more = nextPage(page);
      if (more !== null) note(more);
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[webhook: string], Record<string, never>>(cli, group, {
    usage: "show <webhook>",
    summary: "show a webhook",
    arguments: { webhook: "its id" },
    examples: [`webhooks show ${WEBHOOK}`, `webhooks show ${WEBHOOK} --json`],
    run: async ({ http, print, cells }, [id]) => {
      const webhook = await http.get<Webhook>(`/v1/webhooks/${segment(id)}`);
      print(webhook, () => formatFields(fieldsOf(webhook), cells));
    },
  });
}

function addDelete(cli: Cli, group: Cli["program"]): void {
  addCommand<[webhook: string], Record<string, never>>(cli, group, {
    usage: "delete <webhook>",
    summary: "delete a webhook",
    about: "Also takes it off every mailbox; what was not delivered yet becomes a dead letter.",
    arguments: { webhook: "its id" },
    examples: [`webhooks delete ${WEBHOOK}`],
    run: async ({ http, print }, [id]) => {
      await http.remove(`/v1/webhooks/${segment(id)}`);
      print({ id, deleted: true }, () => `deleted ${id}`);
    },
  });
}

interface RotateOptions extends OptionValues {
  readonly grace?: number;
}

function addRotate(cli: Cli, group: Cli["program"]): void {
  addCommand<[webhook: string], RotateOptions>(cli, group, {
    usage: "rotate <webhook>",
    summary: "make another secret",
    about: "Until the grace is over deliveries are signed with both.",
    arguments: { webhook: "its id" },
    options: (command) => command.option("--grace <seconds>", "how long the secret before stays good (default: a day)", parseSeconds),
    examples: [`webhooks rotate ${WEBHOOK}`, `webhooks rotate ${WEBHOOK} --grace 0 --json`],
    run: async ({ http, print, note, cells }, [id], { grace }) => {
      const wanted = grace === undefined ? {} : { grace_s: grace };
      const webhook = await http.send<Webhook>("POST", `/v1/webhooks/${segment(id)}/rotate`, wanted);
      print(webhook, () => formatFields(fieldsOf(webhook), cells));
      note(SHOWN_ONCE);
    },
  });
}

interface DeliveryOptions extends PageOptions {
  readonly state?: string;
}

function addDeliveries(cli: Cli, group: Cli["program"]): void {
  addCommand<[of: string], DeliveryOptions>(cli, group, {
    usage: "deliveries <of>",
    summary: "list deliveries of the last 30 days",
    arguments: { of: "a webhook's id, or a mailbox's id or address: all its channels" },
    options: (command) =>
      pageOptions(command.addOption(new Option("--state <state>", "only these").choices(["pending", "delivered", "dead"]))),
    examples: [`webhooks deliveries ${WEBHOOK} --state dead`, "webhooks deliveries assistant@acme.example --json"],
    run: async ({ http, print, note, cells }, [of], { state, ...options }) => {
      const page = await http.get<Page<Delivery>>(`${await placeOf(http, of)}/deliveries`, { ...pageQuery(options), state });
      print(page, () => (page.items.length === 0 ? "no deliveries" : formatTable(DELIVERY_COLUMNS, page.items, cells)));
      const more = nextPage(page);
      if (more !== null) note(more);
    },
  });
}

function addReplay(cli: Cli, group: Cli["program"]): void {
  addCommand<[of: string, delivery: string], Record<string, never>>(cli, group, {
    usage: "replay <of> <delivery>",
    summary: "deliver once more",
    about: "A dead letter, or what has arrived; under the same delivery id.",
    arguments: { of: "the webhook, or the mailbox", delivery: "its id" },
    examples: [`webhooks replay ${WEBHOOK} ${DELIVERY}`, `webhooks replay assistant@acme.example ${DELIVERY} --json`],
    run: async ({ http, print }, [of, id]) => {
      const delivery = await http.send<Delivery>("POST", `${await placeOf(http, of)}/deliveries/${segment(id)}/replay`, null);
      print(delivery, () => `${delivery.id} is in line again`);
    },
  });
}

interface Tested {
  readonly delivered: boolean;
  readonly status: number | null;
  readonly reason: string | null;
}

function addTest(cli: Cli, group: Cli["program"]): void {
  addCommand<[webhook: string], Record<string, never>>(cli, group, {
    usage: "test <webhook>",
    summary: "send a test event, and show what came of it",
    about: "Signed like a delivery, of type `webhook.test`, and not repeated. Exit code 1 when it did not arrive.",
    arguments: { webhook: "its id" },
    examples: [`webhooks test ${WEBHOOK}`, `webhooks test ${WEBHOOK} --json`],
    run: async ({ http, print }, [id]) => {
      const tested = await http.send<Tested>("POST", `/v1/webhooks/${segment(id)}/test`, null);
      print(tested, () => (tested.delivered ? `it arrived: ${tested.status}` : `it did not arrive: ${tested.reason}`));
      return tested.delivered ? EXIT.ok : EXIT.failure;
    },
  });
}

async function placeOf(http: Client, text: string): Promise<string> {
  return isId("whk", text) ? `/v1/webhooks/${segment(text)}` : `/v1/mailboxes/${segment(await mailboxId(http, text))}`;
}

function parseSeconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("give a whole number of seconds");
  return Number(text);
}

const COLUMNS: readonly Column<Webhook>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "URL", value: ({ url }) => url, min: 20 },
  { title: "DESCRIPTION", value: ({ description }) => description, min: 8 },
  { title: "SECRETS", value: ({ secrets }) => String(secrets.length) },
];

const DELIVERY_COLUMNS: readonly Column<Delivery>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "MESSAGE", value: ({ message_id }) => message_id },
  { title: "STATE", value: ({ state }) => state },
  { title: "WHY", value: ({ reason }) => reason ?? "", min: 8 },
  { title: "TRIES", value: ({ attempts }) => String(attempts) },
  { title: "SINCE (UTC)", value: ({ created_at }) => shortTime(created_at) },
  { title: "CHANNEL", value: ({ channel }) => channelText(channel), min: 12 },
];

function fieldsOf({ id, url, description, created_at, secrets, secret }: Webhook): [string, string | null][] {
  const [, previous] = secrets;
  const until = previous === undefined || previous.expires_at === null ? null : `until ${formatTime(previous.expires_at)}`;
  return [
    ["id", id],
    ["url", url],
    ["description", description === "" ? null : description],
    ["created", formatTime(created_at)],
    ["secret", secret ?? null],
    ["secret before", until],
  ];
}
