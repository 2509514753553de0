import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { Client, Connection, WorkflowFailedError } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { expect, inject } from "vitest";
import { GATHERING } from "../../src/gathering.ts";
import { PosternError } from "../../src/model/errors.ts";
import { holdWorkflowId, inboundWorkflowId, type MessageId } from "../../src/model/ids.ts";
import { DEFERRED_FAILURE, WORKFLOW } from "../../src/model/names.ts";
import { Receiver } from "../channels/receiver.ts";
import { OutboundWorld } from "../outbound/world.ts";
import type { Instance } from "../support/instance.ts";
import { makeSigner, sign, write, type Letter } from "../support/signer.ts";
import { dispatchPaths } from "./dispatch-paths.ts";
import { openGateRig, type GateRig } from "./gate-rig.ts";
import { holdPaths, OUTBOUND_PATHS } from "./outbound-paths.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const slow = makeSigner("slow.example", "198.51.100.7");
const BOSS = "boss@acme.example";

/** Where the paths are walked: a whole instance, and a gate whose reading of mail can fail, on one Temporal server. */
export interface World {
  readonly outbound: OutboundWorld;
  /** Its instance. */
  readonly postern: Instance;
  readonly rig: GateRig;
  readonly client: Client;
  /** Another one that webhooks may go to. */
  receiver(): Promise<Receiver>;
  close(): Promise<void>;
}

export async function openWorld(options: { readonly maxCachedWorkflows?: number } = {}): Promise<World> {
  const dispatching = { firstMs: 50, longestMs: 200, giveUpMs: 60_000 };
  const env = { POSTERN_WEBHOOK_ALLOW: "127.0.0.1" };
  const receivers: Receiver[] = [];
  const outbound = await OutboundWorld.open({ signers: [acme, slow], serve: { retryMs: 50, dispatching, ...options }, env });
  const { postern } = outbound;
  const rig = await openGateRig([acme], options);
  const connection = await Connection.connect({ address: inject("temporalAddress") });
  const close = async (): Promise<void> => {
    await connection.close();
    await rig.close();
    await outbound.close();
    for (const receiver of receivers) await receiver.close();
  };
  const receiver = async (): Promise<Receiver> => {
    const made = await Receiver.start();
    receivers.push(made);
    return made;
  };
  return { outbound, postern, rig, client: new Client({ connection }), receiver, close };
}

/** One run of one workflow. */
export interface Run {
  readonly workflowId: string;
  /** Absent: the only run. */
  readonly runId?: string;
}

/** How a run ends: with a result, or failed with an `ApplicationFailure` of this type and message. */
export type End = { readonly completed: object } | { readonly failed: string; readonly because: string };

export interface Path {
  /** Names the stored history. */
  readonly name: string;
  readonly ends: End;
  /** Does what makes a workflow take this path, and says which run it was. */
  walk(world: World): Promise<Run>;
}

export async function endOf({ client }: World, { workflowId, runId }: Run): Promise<End> {
  try {
    return { completed: (await client.workflow.getHandle(workflowId, runId).result()) as object };
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
    if (!(cause instanceof ApplicationFailure)) throw error;
    return { failed: cause.type ?? "", because: cause.message };
  }
}

/** The history of a closed run as Temporal's tools export it, payloads undecoded; without the names of machine and folders. */
export async function historyOf({ client }: World, { workflowId, runId }: Run): Promise<string> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  return historyToJSON(history).replaceAll(`${process.pid}@${hostname()}`, "worker@test.example").replaceAll(ROOT, "");
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const inbound = (name: string, outcome: string, reason: string, walk: Path["walk"]): Path => ({
  name: `inboundMessage-${name}`,
  ends: outcome === "deferred" ? { failed: DEFERRED_FAILURE, because: reason } : { completed: { outcome, reason } },
  walk,
});

/** A boss who may write, with these differences; and what is done with everybody else. */
function policy(rule: object = {}, more: object = {}): object {
  return {
    defaultAction: "bounce",
    senders: [
      { match: { domain: "slow.example", requireSpf: true }, capabilities: [] },
      { match: { address: BOSS }, capabilities: ["read_calendar"], ...rule },
    ],
    contentGuards: [{ reject: "forbidden", reason: "words" }],
    auditLog: { retentionDays: 90, includeBodyHash: true },
    ...more,
  };
}

const NOBODY = { senders: [] };

/** Mail of the boss to a mailbox of its own under this policy; the run whose decision has the outcome. */
function mail(outcome: string, document: object, letters: readonly Partial<Letter>[] = [{}], ip = acme.ip): Path["walk"] {
  return async (world) => {
    const at = await mailbox(world, document);
    for (const letter of letters) await deliver(world, at, letter, ip);
    return runOf(world, at, outcome);
  };
}

interface At {
  readonly id: string;
  readonly address: string;
}

async function mailbox({ postern }: World, document: object): Promise<At> {
  const address = `agent-${randomBytes(4).toString("hex")}@acme.example`;
  return { id: await postern.mailbox(address, document), address };
}

async function deliver({ postern }: World, { address }: At, letter: Partial<Letter>, ip = acme.ip): Promise<void> {
  const bytes = await sign(write({ from: BOSS, to: address, ...letter }), acme);
  await postern.deliver({ sender: BOSS, recipient: address, ip, bytes });
}

interface Judged {
  readonly message_id: MessageId;
  readonly run_id: string;
}

async function judged({ postern }: World, { id }: At, outcome: string): Promise<Judged> {
  const { items } = await postern.http.get<{ items: Judged[] }>(`/v1/mailboxes/${id}/decisions`, { outcome });
  const [first] = items;
  if (first === undefined) throw new Error(`no decision \`${outcome}\``);
  return first;
}

async function runOf(world: World, at: At, outcome: string): Promise<Run> {
  const { message_id, run_id } = await judged(world, at, outcome);
  return { workflowId: inboundWorkflowId(message_id), runId: run_id };
}

/** DNS that does not answer for one of the sender's records, while `during` runs. */
async function withoutDns({ postern }: World, during: () => Promise<void>): Promise<void> {
  await postern.publish({ "slow.example": { TXT: "TEMPFAIL" } });
  await during();
  await postern.publish({});
}

async function fromSlow(world: World, at: At): Promise<() => Promise<void>> {
  const bytes = write({ from: "sam@slow.example", to: at.address });
  return async () => void (await world.postern.deliver({ sender: "sam@slow.example", recipient: at.address, ip: slow.ip, bytes }));
}

/** One message judged while the steps of reading fail like this. */
function troubled(outcome: string, trouble: (rig: GateRig) => void): Path["walk"] {
  return async ({ rig }) => {
    const place = await rig.mailbox();
    trouble(rig);
    const bytes = await sign(write({ from: BOSS }), acme);
    const { input, answer } = await rig.receive(place, { bytes, sender: BOSS, ip: acme.ip });
    if (answer.kind !== "decided" || answer.decision.outcome !== outcome) throw new Error(`not \`${outcome}\`: ${JSON.stringify(answer)}`);
    return { workflowId: inboundWorkflowId(input.message), runId: answer.decision.run };
  };
}

/** Messages that arrive together under load, with the trouble that each may have. */
async function together({ rig }: World): Promise<Run> {
  const place = await rig.mailbox();
  const mail = async (letter: Partial<Letter> = {}) => ({
    bytes: await sign(write({ from: BOSS, ...letter }), acme),
    sender: BOSS,
    ip: acme.ip,
  });
  const [first, repeated, broke] = [await mail(), await mail(), await mail()];
  rig.failOn(repeated, "authenticate", temporary());
  rig.failOn(repeated, "headline", temporary());
  rig.failOn(broke, "scan", broken());
  rig.publish({ "silent.example": { TXT: "TEMPFAIL" } });
  const silent = { bytes: write({ from: "sam@silent.example" }), sender: "sam@silent.example", ip: slow.ip };
  const all = [first, repeated, broke, silent, await mail({ text: "This is forbidden." })];
  const gate = rig.newGate({ gathering: { ...GATHERING, runs: 0, waitMs: 60_000, messages: all.length } });
  const [received] = await Promise.all(all.map((each) => rig.receive(place, each, gate)));
  rig.publish({});
  const [entry] = await rig.store.run("audit.of_message", { tenant: place.tenant, message: received!.input.message });
  const { workflow_id, run_id } = JSON.parse(entry!.leaf) as { readonly workflow_id: string; readonly run_id: string };
  return { workflowId: workflow_id, runId: run_id };
}

const temporary = () => new PosternError("unavailable", "not now", { temporary: true });
const broken = () => new PosternError("internal", "cannot be read");

/** A message that waits for people under these approvals. */
async function waitingMail(world: World, approvals?: object): Promise<MessageId> {
  const outbound = approvals === undefined ? {} : { outbound: { approvals } };
  const at = await mailbox(world, policy({}, { ...NOBODY, defaultAction: "hold", ...outbound }));
  await deliver(world, at, {});
  const { message_id } = await judged(world, at, "held");
  return message_id;
}

/** The door asks the store first, so a hold of what does not wait is only begun by hand. */
async function holdOfDelivered(world: World): Promise<Run> {
  const at = await mailbox(world, policy());
  await deliver(world, at, {});
  const { message_id: message } = await judged(world, at, "delivered");
  const { workflowId } = await world.client.workflow.start(WORKFLOW.holdMessage, {
    workflowId: holdWorkflowId(message),
    taskQueue: world.postern.taskQueues.main,
    args: [{ tenant: world.postern.running.tenant.id, mailbox: at.id, message }],
  });
  return { workflowId };
}

async function upkeep({ client, postern }: World): Promise<Run> {
  const workflowId = `upkeep-${randomBytes(6).toString("hex")}`;
  await client.workflow.start(WORKFLOW.upkeep, { workflowId, taskQueue: postern.taskQueues.main });
  return { workflowId };
}

/** Every path of every workflow. */
export const PATHS: readonly Path[] = [
  inbound("delivered", "delivered", "sender_rule", mail("delivered", policy())),
  inbound(
    "refused-at-verification",
    "rejected_at_verification",
    "spf_required",
    mail("rejected_at_verification", policy({ match: { address: BOSS, requireSpf: true } }), [{}], "203.0.113.66"),
  ),
  inbound("refused-at-policy", "rejected_at_policy", "no_matching_sender_rule", mail("rejected_at_policy", policy({}, NOBODY))),
  inbound(
    "refused-at-content-guard",
    "rejected_at_content_guard",
    "words",
    mail("rejected_at_content_guard", policy(), [{ text: "This is forbidden." }]),
  ),
  inbound("rate-limited", "rate_limited", "rate_limit_per_hour", mail("rate_limited", policy({ rateLimit: { perHour: 1 } }), [{}, {}])),
  inbound("budget-exhausted", "budget_exhausted", "token_budget_per_day", mail("budget_exhausted", policy({ tokenBudget: { perDay: 1 } }))),
  inbound("held", "held", "no_matching_sender_rule", mail("held", policy({}, { ...NOBODY, defaultAction: "hold" }))),
  inbound(
    "quarantined",
    "quarantined",
    "no_matching_sender_rule",
    mail("quarantined", policy({}, { ...NOBODY, defaultAction: "quarantine" })),
  ),
  inbound("discarded", "discarded", "no_matching_sender_rule", mail("discarded", policy({}, { ...NOBODY, defaultAction: "drop" }))),
  inbound("discarded-as-echo", "discarded", "loop", async (world) => {
    const at = await mailbox(world, policy({ match: { domain: "acme.example" } }));
    await deliver(world, at, { from: at.address });
    return runOf(world, at, "discarded");
  }),
  inbound("deferred-by-dns", "deferred", "dns_unavailable", async (world) => {
    const at = await mailbox(world, policy());
    await withoutDns(world, await fromSlow(world, at));
    return runOf(world, at, "deferred");
  }),
  inbound("delivered-after-a-deferral", "delivered", "sender_rule", async (world) => {
    const at = await mailbox(world, policy());
    const attempt = await fromSlow(world, at);
    await withoutDns(world, attempt);
    await attempt();
    return runOf(world, at, "delivered");
  }),
  inbound(
    "deferred-by-limit",
    "deferred",
    "rate_limit_per_hour",
    mail("deferred", policy({ rateLimit: { perHour: 1 }, onLimit: "defer" }), [{}, {}]),
  ),
  inbound(
    "delivered-after-failures",
    "delivered",
    "sender_rule",
    troubled("delivered", (rig) => {
      rig.failNext("authenticate", temporary(), temporary());
      rig.failNext("scan", temporary());
      rig.failNext("headline", temporary());
    }),
  ),
  inbound(
    "held-unverifiable",
    "held",
    "guard_error",
    troubled("held", (rig) => rig.failNext("authenticate", broken())),
  ),
  inbound(
    "held-unscannable",
    "held",
    "guard_error",
    troubled("held", (rig) => rig.failNext("scan", broken())),
  ),
  {
    name: "inboundMessages-together",
    ends: {
      completed: expect.arrayContaining([
        expect.objectContaining({ outcome: "delivered", reason: "sender_rule" }),
        expect.objectContaining({ outcome: "held", reason: "guard_error" }),
        expect.objectContaining({ outcome: "deferred", reason: "dns_unavailable" }),
        expect.objectContaining({ outcome: "rejected_at_content_guard", reason: "words" }),
      ]),
    },
    walk: together,
  },
  ...OUTBOUND_PATHS,
  ...holdPaths(waitingMail),
  ...dispatchPaths({
    mailbox: (world, hold) => mailbox(world, hold ? policy({}, { ...NOBODY, defaultAction: "hold" }) : policy()),
    deliver: (world, at) => deliver(world, at, {}),
    runOf,
  }),
  { name: "holdMessage-nothing-waits", ends: { completed: { status: "nothing_waits" } }, walk: holdOfDelivered },
  { name: "upkeep-done", ends: { completed: { erased: 0, collected: 0 } }, walk: upkeep },
];
