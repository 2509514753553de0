import "../support/quiet.ts";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { Client, Connection } from "@temporalio/client";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { inject } from "vitest";
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

/** The boss may have meetings booked, the bot only reports. */
export const POLICY = definePolicy({
  defaultAction: "bounce",
  senders: [
    { match: { domain: BOSS.domain, requireDkim: true }, capabilities: ["confirm_meeting", "mail.reply"] },
    { match: { domain: BOT.domain, requireDkim: true }, capabilities: ["ingest_conflict_notice", "mail.raw"] },
  ],
});

export interface TeamOptions {
  readonly plugin?: Omit<PosternPluginOptions, "config">;
  readonly worker?: Partial<WorkerOptions>;
  readonly activities?: object;
}

/** A worker of a team's own with our plugin, on one queue. */
export class Team {
  readonly postern: TestPostern;
  readonly client: Client;
  readonly queue: string;
  readonly notes: string[];
  readonly #connection: NativeConnection;

  private constructor(postern: TestPostern, client: Client, queue: string, notes: string[], connection: NativeConnection) {
    this.postern = postern;
    this.client = client;
    this.queue = queue;
    this.notes = notes;
    this.#connection = connection;
  }

  static async start({ plugin: given = {}, worker = {}, activities = {} }: TeamOptions = {}): Promise<Team> {
    const address = inject("temporalAddress");
    const queue = `team-${randomBytes(6).toString("hex")}`;
    const notes: string[] = [];
    const connection = await NativeConnection.connect({ address });
    const workflowBundle = await teamBundle();
    const postern = await createTestPostern({
      temporal: { address },
      senders: [BOSS, BOT],
      plugin: given,
      worker: async (plugin) =>
        Worker.create({
          ...{ connection, taskQueue: queue, workflowBundle, plugins: [plugin] },
          activities: { ...teamActivities(notes), ...activities },
          shutdownForceTime: "5 seconds",
          ...worker,
        }),
    });
    const client = new Client({ connection: await Connection.connect({ address }), ...dataConverterOf(worker) });
    return new Team(postern, client, queue, notes, connection);
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
    const { code, text } = await this.postern.deliver({ eml, to, from: sender, ip: from.ip });
    const [id] = /msg_[0-9a-z]+/.exec(text) ?? [];
    if (code !== 250 || id === undefined) throw new Error(`not delivered: ${code} ${text}`);
    return id;
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

function teamActivities(notes: string[]): TeamActivities {
  return {
    greet: async (name) => `hello ${name}`,
    note: async (line) => void notes.push(line),
    bookMeeting: async (title) => `booked ${title}`,
    callTool: async (tool) => `did ${tool}`,
  };
}
