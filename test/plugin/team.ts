import "../support/quiet.ts";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { activityInfo } from "@temporalio/activity";
import { Client, Connection } from "@temporalio/client";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { expect, inject, vi } from "vitest";
import type { MailDelivery } from "../../src/model/channel.ts";
import { definePolicy, PosternPlugin, type PosternPluginOptions } from "../../src/index.ts";
import { createTestPostern, signed, testMail, testSender, type TestPostern, type TestSender } from "../../src/testing.ts";
import type { TeamActivities } from "./agents.ts";

const WORKFLOWS = fileURLToPath(new URL("agents.ts", import.meta.url));

let bundle: ReturnType<typeof bundleWorkflowCode> | undefined;

/** The team's module, bundled with the plugin once a file. */
export function teamBundle() {
  return (bundle ??= bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger("WARN"), plugins: [new PosternPlugin()] }));
}

export const BOSS = testSender("acme.example", "192.0.2.1");
export const BOT = testSender("calendar-bot.example", "192.0.2.2");
export const PARTNER = testSender("partner.example", "192.0.2.3");

/** The boss may have meetings booked, the bot only reports, the partner may have mail sent. */
export const POLICY = definePolicy({
  defaultAction: "bounce",
  senders: [
    { match: { domain: BOSS.domain, requireDkim: true }, capabilities: ["confirm_meeting", "mail.reply"] },
    { match: { domain: BOT.domain, requireDkim: true }, capabilities: ["ingest_conflict_notice", "mail.raw"] },
    { match: { domain: PARTNER.domain, requireDkim: true }, capabilities: ["mail.reply", "mail.send"] },
  ],
});

/** What agents did, as their activities saw it. */
interface Heard {
  readonly notes: { readonly mailbox: string; readonly line: string }[];
  readonly deliveries: { readonly workflowId: string; readonly delivery: MailDelivery }[];
}

export interface TeamOptions {
  readonly plugin?: Omit<PosternPluginOptions, "config">;
  readonly worker?: Partial<WorkerOptions>;
  readonly activities?: object;
}

/** Milliseconds, on a machine that is busy. */
const PATIENCE = { timeout: 25_000, interval: 200 };

/** A worker of a team's own with our plugin, on one queue. */
export class Team {
  readonly postern: TestPostern;
  readonly client: Client;
  readonly queue: string;
  readonly #heard: Heard;
  readonly #connection: NativeConnection;

  private constructor(postern: TestPostern, client: Client, queue: string, heard: Heard, connection: NativeConnection) {
    this.postern = postern;
    this.client = client;
    this.queue = queue;
    this.#heard = heard;
    this.#connection = connection;
  }

  static async start({ plugin: given = {}, worker = {}, activities = {} }: TeamOptions = {}): Promise<Team> {
    const address = inject("temporalAddress");
    const queue = `team-${randomBytes(6).toString("hex")}`;
    const heard: Heard = { notes: [], deliveries: [] };
    const connection = await NativeConnection.connect({ address });
    const workflowBundle = await teamBundle();
    const postern = await createTestPostern({
      temporal: { address },
      senders: [BOSS, BOT, PARTNER],
      plugin: given,
      worker: async (plugin) =>
        Worker.create({
          ...{ connection, taskQueue: queue, workflowBundle, plugins: [plugin] },
          activities: { ...teamActivities(heard), ...activities },
          shutdownForceTime: "5 seconds",
          ...worker,
        }),
    });
    const client = new Client({ connection: await Connection.connect({ address }), ...dataConverterOf(worker) });
    return new Team(postern, client, queue, heard, connection);
  }

  /** A mailbox whose mail goes to this workflow of the team's. */
  async agent(type: string, options: { id_per?: "thread" | "message"; sends?: boolean; mode?: "autonomous" } = {}) {
    const { id_per = "thread", sends = false, mode } = options;
    const address = `agent-${randomBytes(4).toString("hex")}@team.example`;
    const mailbox = await this.postern.mailbox(address, POLICY, mode === undefined ? {} : { mode });
    const key = sends ? { key_id: (await this.postern.key(mailbox.id, ["send"])).id } : {};
    await this.postern.setChannels(mailbox.id, [{ kind: "workflow", type, task_queue: this.queue, id_per, ...key }]);
    return mailbox;
  }

  /** A signed mail to an agent; resolves with its message id. */
  async mail(
    to: string,
    letter: { from?: TestSender; subject?: string; messageId?: string; headers?: readonly string[] } = {},
  ): Promise<string> {
    const { from = BOSS, ...rest } = letter;
    const sender = `someone@${from.domain}`;
    const eml = await signed(testMail({ from: sender, to, ...rest }), from);
    // Whoever is told to come again comes again.
    return vi.waitFor(async () => {
      const { code, text } = await this.postern.deliver({ eml, to, from: sender, ip: from.ip });
      const [id] = /msg_[0-9a-z]+/.exec(text) ?? [];
      return code === 250 && id !== undefined ? id : expect.fail(`not delivered: ${code} ${text}`);
    }, PATIENCE);
  }

  /** What agents noted about a mailbox's mail, once there are so many. */
  async notes(mailbox: string, count: number): Promise<readonly string[]> {
    const lines = (): readonly string[] => this.#heard.notes.filter((note) => note.mailbox === mailbox).map(({ line }) => line);
    return vi.waitFor(() => (lines().length >= count ? lines() : expect.fail(`only ${lines().length} notes`)), PATIENCE);
  }

  /** What left for a mailbox, as the sandbox kept it, once there is so much. */
  async sunk(mailbox: string, count: number): Promise<readonly string[]> {
    const client = this.postern.client();
    const list = async () => (await client.sink(mailbox)).items;
    const found = await vi.waitFor(async () => {
      const items = await list();
      return items.length >= count ? items : expect.fail(`only ${items.length} sent`);
    }, PATIENCE);
    return Promise.all(found.map(async ({ id }) => Buffer.from(await client.sunk(id)).toString("utf8")));
  }

  /** What the workflow of an agent with one thread was told of its first mail. */
  async delivery(mailbox: string): Promise<Heard["deliveries"][number]> {
    return vi.waitFor(
      () => this.#heard.deliveries.find(({ delivery }) => delivery.mailbox === mailbox) ?? expect.fail("none yet"),
      PATIENCE,
    );
  }

  /** Actions in the audit of a mailbox's latest message, with their facts. */
  async audit(mailbox: string): Promise<readonly { readonly action: string; readonly reason?: string }[]> {
    const client = this.postern.client();
    const [decision] = (await client.decisions(mailbox)).items;
    const { audit } = await client.explain(decision!.id);
    return audit
      .map(({ leaf }) => JSON.parse(leaf) as { action: string; facts?: { reason?: string } })
      .map(({ action, facts }) => ({ action, ...facts }));
  }

  async close(): Promise<void> {
    await this.postern.close();
    await this.client.connection.close();
    await this.#connection.close();
  }
}

function dataConverterOf({ dataConverter }: Partial<WorkerOptions>) {
  return dataConverter === undefined ? {} : { dataConverter };
}

function teamActivities({ notes, deliveries }: Heard): TeamActivities {
  return {
    took: async (delivery) => void deliveries.push({ workflowId: activityInfo().workflowExecution!.workflowId, delivery }),
    greet: async (name) => `hello ${name}`,
    note: async (mailbox, line) => void notes.push({ mailbox, line }),
    bookMeeting: async (title) => `booked ${title}`,
    callTool: async (tool) => `did ${tool}`,
  };
}
