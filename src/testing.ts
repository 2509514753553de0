import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { Worker, type ReplayWorkerOptions } from "@temporalio/worker";
import { pino, type Logger } from "pino";
import type { MailPolicy } from "../policies/schema.ts";
import { handOver, type Verdict } from "./cli/smtp.ts";
import { PosternClient, type api } from "./client.ts";
import { inTime, isAway } from "./gate/within.ts";
import { loadConfig, type Config } from "./config.ts";
import { PosternError } from "./model/errors.ts";
import { createClient } from "./cli/client.ts";
import { PosternPlugin, type PosternPluginOptions } from "./plugin.ts";
import { serve } from "./serve.ts";
import { testZone, type TestSender } from "./testing-mail.ts";
import type { TaskQueues } from "./model/names.ts";
import { removeUpkeep } from "./upkeep.ts";

// `postern/testing`: the real thing in a temporary directory, for tests of policies, agents and workflows.

export { judge, type TestFacts } from "./testing-judge.ts";
export { signed, testMail, testSender, testZone, type TestLetter, type TestSender } from "./testing-mail.ts";
export type { Verdict } from "./cli/smtp.ts";

/** @experimental */
export interface TestPosternOptions {
  /** A Temporal server, e.g. `(await TestWorkflowEnvironment.createLocal()).address`. */
  readonly temporal: { readonly address: string; readonly namespace?: string };
  /** Whose mail verifies. */
  readonly senders?: readonly TestSender[];
  /** Further `POSTERN_*` settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of the plugin, with `worker`. */
  readonly plugin?: Omit<PosternPluginOptions, "config">;
  /**
   * A worker of yours, which Postern joins as its plugin; left out, it runs workers of its own. Make it with
   * `plugins: [plugin]`; it is run and shut down here.
   */
  readonly worker?: (plugin: PosternPlugin) => Promise<Worker>;
  /** Default: silent. */
  readonly log?: Logger;
}

/** @experimental */
export interface TestMailbox {
  readonly id: string;
  readonly address: string;
}

/** One mail as a client of the SMTP door brings it. */
export interface TestDelivery {
  /** Lines end in CRLF; {@link testMail} and {@link signed} make such. */
  readonly eml: string | Uint8Array;
  /** RCPT TO. */
  readonly to: string;
  /** MAIL FROM. Default: the null sender. */
  readonly from?: string;
  /** The client's address, which SPF looks at; `TestSender.ip`. Default: one that proves nothing. */
  readonly ip?: string;
}

const STRANGER_IP = "203.0.113.99";

/**
 * A whole Postern on free ports: real store, blobs, doors and workflows, with the sandbox for what leaves and a zone file
 * for DNS. Costs a second or two, mostly for bundling workflows.
 *
 * @experimental
 */
export async function createTestPostern(options: TestPosternOptions): Promise<TestPostern> {
  const dataDir = await mkdtemp(join(tmpdir(), "postern-test-"));
  try {
    const config = await configOf(dataDir, options);
    const part = await (options.worker === undefined ? ownWorkers(config, options) : theirWorker(config, options, options.worker));
    return new TestPostern(dataDir, config, part);
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** What runs it. */
interface Part {
  readonly smtp: { readonly host: string; readonly port: number };
  readonly http: string;
  close(): Promise<void>;
}

/** @experimental */
export class TestPostern {
  /** Of the HTTP door. */
  readonly url: string;
  /** Everything but `send`. */
  readonly adminKey: string;
  readonly #dataDir: string;
  readonly #part: Part;

  /** Use {@link createTestPostern}. */
  constructor(dataDir: string, { adminKey }: Config, part: Part) {
    this.#dataDir = dataDir;
    this.#part = part;
    this.url = part.http;
    this.adminKey = adminKey!;
  }

  /** Default: with the admin key. */
  client(key: string = this.adminKey): PosternClient {
    return new PosternClient({ url: this.url, key });
  }

  /** A mailbox under a policy, with these channels and this oversight mode (default `gated_send`). */
  async mailbox(
    address: string,
    policy: MailPolicy,
    { channels, mode, agent = "agent" }: { channels?: readonly api.Channel[]; mode?: api.Mailbox["oversight_mode"]; agent?: string } = {},
  ): Promise<TestMailbox> {
    const at = address.lastIndexOf("@");
    const named = { address_local_part: address.slice(0, at), domain: address.slice(at + 1), agent_id: agent };
    const { id } = await this.#admin.send<api.Mailbox>("POST", "/v1/mailboxes", named);
    await this.#admin.send("PUT", `/v1/mailboxes/${id}/policy`, policy);
    if (mode !== undefined) await this.#setMode(id, mode);
    if (channels !== undefined) await this.setChannels(id, channels);
    return { id, address };
  }

  /** All of them at once. */
  async setChannels(mailbox: string, channels: readonly api.Channel[]): Promise<void> {
    await this.#admin.send("PATCH", `/v1/mailboxes/${mailbox}`, { channels });
  }

  /** A key bound to one mailbox. */
  key(mailbox: string, scopes: api.Key["scopes"]): Promise<api.Key> {
    return this.#admin.send("POST", "/v1/keys", { name: "test", scopes, mailboxes: [mailbox] });
  }

  /** Resolves with what the SMTP door answered, once the mail is decided about. */
  deliver({ eml, to, from = "", ip = STRANGER_IP }: TestDelivery): Promise<Verdict> {
    return handOver(this.#part.smtp, { sender: from, recipient: to, ip, helo: "client.test.example", bytes: Buffer.from(eml) });
  }

  /** Whatever else the HTTP door takes, with the admin key. */
  call<T extends object>(method: "POST" | "PUT" | "PATCH", path: string, body: object | null): Promise<T> {
    return this.#admin.send(method, path, body);
  }

  remove(path: string): Promise<void> {
    return this.#admin.remove(path);
  }

  /** Stops everything, and removes its directory and its schedules. */
  async close(): Promise<void> {
    try {
      await this.#part.close();
    } finally {
      await rm(this.#dataDir, { recursive: true, force: true });
    }
  }

  async #setMode(id: string, oversight_mode: api.Mailbox["oversight_mode"]): Promise<void> {
    const path = `/v1/mailboxes/${id}`;
    try {
      await this.#admin.send("PATCH", path, { oversight_mode });
    } catch (error) {
      if (!(error instanceof PosternError) || error.code !== "mode_code_required") throw error;
      const { mode_code } = await this.#admin.send<api.ModeCode>("POST", `${path}/mode-code`, { oversight_mode });
      await this.#admin.send("PATCH", path, { oversight_mode, mode_code });
    }
  }

  get #admin() {
    return createClient({ url: this.url, key: async () => this.adminKey, fetch });
  }
}

async function configOf(dataDir: string, { senders = [], env = {} }: TestPosternOptions): Promise<Config> {
  const zone = join(dataDir, "zone.json");
  await writeFile(zone, JSON.stringify(testZone(senders)));
  const config = loadConfig({
    POSTERN_DATA: dataDir,
    POSTERN_ADMIN_KEY: `pst_live_${randomBytes(20).toString("hex")}`,
    // `deliver` speaks for any client.
    POSTERN_TRUSTED_RELAYS: "127.0.0.1",
    POSTERN_DNS_ZONE: zone,
    ...env,
  });
  const anyPort = { host: "127.0.0.1", port: 0 };
  return { ...config, smtp: anyPort, http: anyPort };
}

async function ownWorkers(config: Config, { temporal, log = silent() }: TestPosternOptions): Promise<Part> {
  const name = randomBytes(6).toString("hex");
  const taskQueues = { inbound: `inbound-${name}`, main: `main-${name}` };
  const { address, namespace = "default" } = temporal;
  const { smtp, http, close } = await serve(config, { temporal: { connection: { address }, namespace }, taskQueues, log });
  return { smtp, http, close: () => leave({ address, namespace }, taskQueues, close) };
}

async function theirWorker(config: Config, options: TestPosternOptions, make: (plugin: PosternPlugin) => Promise<Worker>): Promise<Part> {
  const plugin = new PosternPlugin({ log: options.log ?? silent(), ...options.plugin, config });
  const worker = await make(plugin);
  const ended = worker.run();
  // A worker that fails before anything is open says why.
  const { doors } = await Promise.race([plugin.opened(), ended.then(neverOpened)]);
  if (doors === null) throw new PosternError("invalid_config", "a test instance has its doors here", { fix: "leave `doors: false` out" });
  const close = async (): Promise<void> => {
    if (worker.getState() === "RUNNING") worker.shutdown();
    await ended;
  };
  const { taskQueue } = worker.options;
  const taskQueues = { inbound: taskQueue, main: taskQueue, ...options.plugin?.taskQueues };
  const { client } = worker;
  // As the worker connects, which may be with certificates or a key; before it ends, and whoever made its connection closes that.
  const leaveServer = async (): Promise<void> => {
    if (client !== undefined) await inTime(CLOSE_MS, removeUpkeep(client, taskQueues)).catch(unlessGone);
  };
  return { ...doors, close: () => inTurn(leaveServer, close) };
}

/** The second also when the first has failed. */
async function inTurn(first: () => Promise<void>, second: () => Promise<void>): Promise<void> {
  try {
    await first();
  } finally {
    await second();
  }
}

/** Milliseconds to take the schedules away. */
const CLOSE_MS = 3_000;

/** A server that has gone has no schedules. */
function unlessGone(error: unknown): void {
  if (!isAway(error)) throw error;
}

/** A server that goes on is left as it was: else the next instance on these queues is another database's, and refused. */
async function leave(
  { address, namespace }: Required<TestPosternOptions["temporal"]>,
  taskQueues: TaskQueues,
  close: () => Promise<void>,
): Promise<void> {
  await inTurn(close, async () => {
    const connection = await Connection.connect({ address, connectTimeout: "3 s" }).catch(() => null);
    if (connection !== null) await removeSchedules(connection, namespace, taskQueues);
  });
}

async function removeSchedules(connection: Connection, namespace: string, taskQueues: TaskQueues): Promise<void> {
  try {
    await removeUpkeep(new Client({ connection, namespace }), taskQueues);
  } finally {
    await connection.close();
  }
}

function neverOpened(): never {
  throw new PosternError("internal", "the worker ended before anything was open", { fix: "give it the plugin: `plugins: [plugin]`" });
}

function silent(): Logger {
  return pino({ level: "silent" });
}

/** The history of one workflow, as `temporal workflow show --output json` exports it. */
export type TestHistory = Parameters<typeof Worker.runReplayHistory>[1];

/**
 * Throws `DeterminismViolationError` when the workflow code no longer takes the recorded path. Give it the plugin, so
 * that the code is bundled as for a worker: `replay({ workflowsPath, plugins: [new PosternPlugin()] }, history)`.
 */
export async function replay(options: ReplayWorkerOptions, history: TestHistory, workflowId?: string): Promise<void> {
  await Worker.runReplayHistory(options, history, workflowId);
}
