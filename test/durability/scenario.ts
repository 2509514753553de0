import { createHash } from "node:crypto";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@temporalio/client";
import type { FinalOutcome } from "../../src/model/decision.ts";
import type { MailboxId, MessageId } from "../../src/model/ids.ts";
import { messageId } from "../../src/message-id.ts";
import { Agent, readAll } from "./agent.ts";
import { SOAKED_ENVIRONMENT } from "../support/environment.ts";
import {
  decisionsTold,
  type Kept,
  listJudgements,
  placeIn,
  readBlobs,
  readDatabase,
  type Recorded,
  type Run,
  withTemporal,
} from "./evidence.ts";
import { ADDRESS, CLOSED_POLICY, MAILBOXES, type MailboxName, OPEN_POLICY, type Planned, SIGNERS } from "./mail.ts";
import { handOver, type Told } from "./mta.ts";
import { Random } from "./random.ts";
import { Site } from "./site.ts";

export interface ScenarioOptions {
  /** Path of the `temporal` CLI. */
  readonly executable: string;
  readonly seed: number;
  readonly mail: readonly Planned[];
  /** Sending servers at once. */
  readonly senders: number;
  /** Processes killed while mail comes in. `both`: service and Temporal at the same moment. */
  readonly kills: { readonly service: number; readonly temporal: number; readonly both: number };
  /** A `postgres://` database instead of the embedded store. */
  readonly database?: string;
}

/** One copy of a message: what a mailbox was to make of it. */
export interface Copy {
  readonly message: MessageId;
  readonly mailbox: MailboxName;
  /** Null: any final outcome that fits what the sender was told. */
  readonly outcome: FinalOutcome | null;
}

/** One message after the run. */
export interface Ended {
  readonly planned: Planned;
  readonly told: Told;
  /** The answer to handing the very same message over once more; null where that was not done. */
  readonly again: Told | null;
  readonly copies: readonly Copy[];
  readonly digest: string;
}

export interface Reader {
  readonly seen: readonly string[];
  /** What an agent without a cursor reads afterwards. */
  readonly afresh: readonly string[];
  readonly failures: number;
}

/** Everything there is to judge a run by. */
export interface Report {
  readonly seed: number;
  readonly ended: readonly Ended[];
  readonly readers: ReadonlyMap<MailboxName, Reader>;
  readonly recorded: Recorded;
  readonly kept: Kept;
  readonly runs: readonly Run[];
  /** Raw bytes as an agent gets them; null when it is told 404. */
  readonly raw: ReadonlyMap<MessageId, Buffer | null>;
  readonly staleRemoved: boolean;
  readonly killed: Readonly<Record<Kill, number>>;
  readonly ms: { readonly mail: number; readonly all: number };
  readonly log: readonly string[];
}

type Kill = "service" | "temporal" | "both";
type Mailboxes = Readonly<Record<MailboxName, { readonly id: MailboxId; readonly key: string }>>;

/** Milliseconds from a mark in the progress to the kill, at most: it must be able to hit any step of any message. */
const LONGEST_AIM_MS = 300;
/** Milliseconds that Temporal stays away after its kill, at most. */
const LONGEST_OUTAGE_MS = 4_000;
/** Share of the messages that are handed over again after their answer, as if that had been lost. */
const AGAIN = 0.15;
/** Short, so that a judgement that was killed is answered 451 and met again by a retry. */
const ANSWER_SECONDS = "4";

/** Sends the mail while processes are killed, waits until everybody was told for good, and collects what is left. */
export async function runScenario(options: ScenarioOptions): Promise<Report> {
  const from = performance.now();
  const site = await Site.start({
    executable: options.executable,
    signers: SIGNERS,
    environment: SOAKED_ENVIRONMENT,
    env: {
      POSTERN_LIMIT_ANSWER_SECONDS: ANSWER_SECONDS,
      POSTERN_LIMIT_CONNECTIONS_PER_PEER: "100",
      ...(options.database === undefined ? {} : { POSTERN_DATABASE_URL: options.database }),
    },
  });
  try {
    return await play(site, options, from);
  } finally {
    await site.close();
  }
}

async function play(site: Site, options: ScenarioOptions, from: number): Promise<Report> {
  const random = new Random(options.seed);
  const mailboxes = await openMailboxes(site);
  const stale = await plantStale(site.dataDir);
  const agents = new Map(MAILBOXES.map((name) => [name, new Agent(site.as(mailboxes[name].key), mailboxes[name].id)]));
  const pulling = Promise.all([...agents.values()].map((agent) => agent.run()));
  const progress = new Progress();
  const mailFrom = performance.now();
  const [told, killed] = await Promise.all([sendAll(site, options, random, progress), killAll(site, options, random, progress)]);
  const mailMs = performance.now() - mailFrom;
  const recorded = readDatabase(options.database ?? join(site.dataDir, "postern.db"));
  const ended = told.map(({ planned, ...rest }) => withCopies(planned, rest, recorded, mailboxes));
  await withTemporal((await site.temporal()).address, (client) => settled(client, recorded));
  for (const agent of agents.values()) agent.finish();
  await pulling;
  const readers = new Map<MailboxName, Reader>();
  for (const [name, { seen, failures }] of agents) {
    readers.set(name, { seen, failures, afresh: await readAll(site.as(mailboxes[name].key), mailboxes[name].id) });
  }
  const raw = await readRaw(site, mailboxes, ended);
  const kept = await readBlobs(site.dataDir, recorded.tenant);
  const { address } = await site.temporal();
  const runs = await withTemporal(address, judgements);
  return {
    ...{ seed: options.seed, ended, readers, recorded, kept, runs, raw, killed },
    staleRemoved: !kept.unfinished.includes(stale),
    ms: { mail: mailMs, all: performance.now() - from },
    log: site.log,
  };
}

async function openMailboxes(site: Site): Promise<Mailboxes> {
  const opened: Record<string, { id: MailboxId; key: string }> = {};
  for (const name of MAILBOXES) {
    const id = (await site.mailbox(ADDRESS[name], name === "closed" ? CLOSED_POLICY : OPEN_POLICY)) as MailboxId;
    opened[name] = { id, key: await site.agentKey(id) };
  }
  return opened as Record<MailboxName, { id: MailboxId; key: string }>;
}

/** What a crash long ago left of a message. */
async function plantStale(dataDir: string): Promise<string> {
  const path = join(dataDir, "blobs", "incoming", "left-long-ago");
  await mkdir(join(dataDir, "blobs", "incoming"), { recursive: true });
  await writeFile(path, "half a message");
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  await utimes(path, twoDaysAgo, twoDaysAgo);
  return "left-long-ago";
}

/** How many messages were answered for good; kills are aimed by it. */
class Progress {
  #count = 0;
  readonly #waiting = new Map<number, () => void>();

  step(): void {
    this.#count += 1;
    this.#waiting.get(this.#count)?.();
  }

  /** Resolves when `count` messages were answered. */
  reached(count: number): Promise<void> {
    if (this.#count >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(count, resolve));
  }
}

type Sent = Pick<Ended, "planned" | "told" | "again">;

async function sendAll(site: Site, { mail, senders, seed }: ScenarioOptions, random: Random, progress: Progress): Promise<readonly Sent[]> {
  const queue = random.shuffled(mail);
  const sent: Sent[] = [];
  const work = async (_: unknown, number: number): Promise<void> => {
    // Of its own: how the senders interleave must not change what each draws.
    const own = new Random(seed + number + 1);
    for (let planned = queue.pop(); planned !== undefined; planned = queue.pop()) {
      const told = await handOver(async () => (await site.service()).smtp.port, planned.mail, own);
      progress.step();
      const again = own.chance(AGAIN) ? await handOver(async () => (await site.service()).smtp.port, planned.mail, own) : null;
      sent.push({ planned, told, again });
    }
  };
  await Promise.all(Array.from({ length: senders }, work));
  return sent;
}

/** Kills spread over the run, in an order and at moments that the seed chooses. */
async function killAll(site: Site, { mail, kills }: ScenarioOptions, random: Random, progress: Progress): Promise<Report["killed"]> {
  const order = random.shuffled((Object.keys(kills) as Kill[]).flatMap((kill) => Array.from({ length: kills[kill] }, () => kill)));
  const killed = { service: 0, temporal: 0, both: 0 };
  const share = mail.length / (order.length + 1);
  for (const [index, kill] of order.entries()) {
    await progress.reached(Math.floor((index + 0.3 + random.next()) * share));
    await delay(random.below(LONGEST_AIM_MS));
    await crash(site, kill, random);
    killed[kill] += 1;
  }
  return killed;
}

function crash(site: Site, kill: Kill, random: Random): Promise<void> {
  switch (kill) {
    case "service":
      return site.crashService();
    case "temporal":
      return site.crashTemporal(random.below(LONGEST_OUTAGE_MS));
    case "both":
      return site.crashBoth();
    default:
      return kill satisfies never;
  }
}

function withCopies(planned: Planned, sent: Omit<Sent, "planned">, { tenant }: Recorded, mailboxes: Mailboxes): Ended {
  const digest = createHash("sha256").update(planned.mail.bytes).digest("hex");
  const names = MAILBOXES.filter((name) => planned.mail.recipients.includes(ADDRESS[name]));
  const copies = names.map((mailbox) => ({
    message: messageId({ tenant, mailbox: mailboxes[mailbox].id, digest, sender: planned.mail.sender }),
    mailbox,
    outcome: planned.outcomes[mailbox] ?? null,
  }));
  return { planned, ...sent, copies, digest };
}

/** Waits for the end of each run that made a decision: a killed one is gone on with after its task has timed out. */
async function settled(client: Client, { audit }: Recorded): Promise<void> {
  await Promise.all(audit.map((entry) => decisionsTold(client, placeIn(entry))));
}

const LIST_PAUSE_MS = 200;
const LIST_LOOKS = 100;

async function judgements(client: Client): Promise<readonly Run[]> {
  const runs = (await listed(client)).map(async (run) => {
    const place = { workflow_id: run.workflowId, run_id: run.runId };
    return { ...run, told: run.status === "COMPLETED" ? await decisionsTold(client, place) : [] };
  });
  return Promise.all(runs);
}

/** The list lags behind the histories. */
async function listed(client: Client): ReturnType<typeof listJudgements> {
  for (let look = 1; ; look += 1) {
    const runs = await listJudgements(client);
    if (look === LIST_LOOKS || runs.every(({ status }) => status !== "RUNNING")) return runs;
    await delay(LIST_PAUSE_MS);
  }
}

async function readRaw(site: Site, mailboxes: Mailboxes, ended: readonly Ended[]): Promise<Report["raw"]> {
  const raw = new Map<MessageId, Buffer | null>();
  for (const { message, mailbox } of ended.flatMap(({ copies }) => copies)) {
    raw.set(message, await site.as(mailboxes[mailbox].key).bytes(`/v1/messages/${message}/raw`).catch(nullWhenAbsent));
  }
  return raw;
}

function nullWhenAbsent(error: unknown): null {
  if (error instanceof Error && "code" in error && error.code === "not_found") return null;
  throw error;
}
