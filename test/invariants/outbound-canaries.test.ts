import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handOver } from "../../src/cli/smtp.ts";
import { outboundWorkflowId, type DraftId } from "../../src/model/ids.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import { CUT, SmtpPeer, type PeerScript } from "../support/smtp-peer.ts";
import { makeSigner, sign, write, zoneOf } from "../support/signer.ts";
import { payloadsIn } from "../workflows/histories.ts";
import { canary, sightings } from "./canary.ts";
import { startService, type Service } from "./service.ts";

/** What agents and editors write. */
const CONTENT = plant("subject", "body", "text", "edited", "editedsubject", "filename", "attachment", "display");
/** What people say when they decide. */
const WORDS = plant("why", "whynot", "whysettled", "whyresent", "whysigned", "whytoolate");
/** Local parts of whoever is written to, and of who writes. */
const PEOPLE = plant("to", "cc", "bcc", "boss", "desk", "overseer", "unknown", "failed", "blocked", "suppressed", "limited");
/** What the next hop says. */
const REPLIES = plant("refusal", "deferral");
/** Keys of callers, and what they send along. */
const STRAY = plant("idempotency", "key", "token", "hash");
const made: Record<string, string> = {};
const ADMIN = `pst_live_${canary("admin")}`;
const acme = makeSigner("acme.example", "192.0.2.1");
const boss = `${PEOPLE.boss}@acme.example`;

let service: Service;
let peer: SmtpPeer;
/** Draft ids by what became of them. */
const drafts: Record<string, DraftId> = {};
let runs: readonly Run[];
let metrics: string;
/** As people at the desk see it. */
let desk: string;

interface Run {
  readonly id: string;
  readonly type: string;
  readonly listed: string;
  readonly history: string;
}

beforeAll(async () => {
  peer = await SmtpPeer.start({ script: rude() });
  service = await startService({
    zone: zoneOf([acme]),
    env: { POSTERN_ADMIN_KEY: ADMIN, POSTERN_RELAY: `smtp://127.0.0.1:${peer.port}` },
  });
  await wholeRun();
  runs = await runsOf(service);
  metrics = await (await fetch(`${service.http}/metrics`)).text();
}, 120_000);
afterAll(async () => {
  await service?.stop();
  await peer?.close();
});

/** A next hop that repeats in every reply whom it speaks of, and more. */
function rude(): PeerScript {
  return (step, argument) => {
    if (step !== "rcpt") return step === "dot" && cutting ? CUT : undefined;
    if (argument.startsWith(PEOPLE.failed)) return `550 5.1.1 <${argument}> ${REPLIES.refusal} is nobody here`;
    return `250 2.1.5 <${argument}> ${REPLIES.deferral} ok`;
  };
}

/** Set while a mail's fate is to be unknown. */
let cutting = false;

async function wholeRun(): Promise<void> {
  const id = await mailbox(PEOPLE.desk, {});
  const free = await mailbox(`free${PEOPLE.desk}`, { block: [`${PEOPLE.blocked}@elsewhere.example`], perHour: 5 });
  await raise(free, "monitored", `${PEOPLE.overseer}@acme-people.example`);
  const [agent, ann, ben] = [await key("agent", "read", "send"), await key("ann", "oversight"), await key("ben", "oversight")];
  const decide = (draft: DraftId, verdict: object, by: string) => ask("POST", `/v1/mailboxes/${id}/decide/${draft}`, verdict, by);

  drafts["edited"] = await submit(id, agent, 202);
  const edit = { to: [at("to")], subject: CONTENT.editedsubject, markdown: CONTENT.edited };
  expect((await ask("POST", `/v1/pending/${drafts["edited"]}/edit`, edit, ann)).status).toBe(200);
  const { content_hash } = (await ask("GET", `/v1/drafts/${drafts["edited"]}`, undefined, agent)).json;
  expect((await decide(drafts["edited"], { action: "approve", content_hash: STRAY.hash }, ben)).status).toBe(409);
  expect((await decide(drafts["edited"], { action: "approve", content_hash, reason: WORDS.why }, ben)).status).toBe(200);
  await ended(drafts["edited"], "sent");
  expect((await decide(drafts["edited"], { action: "approve", reason: WORDS.whytoolate }, ben)).status).toBe(409);

  drafts["rejected"] = await submit(id, agent, 202);
  expect((await decide(drafts["rejected"], { action: "reject", reason: WORDS.whynot }, ann)).status).toBe(200);

  drafts["signed"] = await submit(id, agent, 202);
  const word = await ask("POST", `/v1/pending/${drafts["signed"]}/token`, { action: "approve", reason: WORDS.whysigned }, ann);
  const handle = service.temporal.workflow.getHandle(outboundWorkflowId(drafts["signed"]));
  // Unsigned, unreadable, and in its own words: whoever writes to the namespace writes what they like, and it stays there.
  await handle.signal("approve", { token: word.json.token });
  await ended(drafts["signed"], "sent");

  drafts["reply"] = await reply(agent);
  await decide(drafts["reply"], { action: "approve" }, ann);
  await ended(drafts["reply"], "sent");

  drafts["copied"] = await submit(free, agent, 200);
  await ended(drafts["copied"], "sent");
  // Its copy leaves by itself; cut off like those below, it would wait for a person for ever.
  await come(drafts["copied"], async () => isCopied());

  drafts["failed"] = await submit(free, agent, 200, { to: [at("failed")], cc: [], bcc: [] });
  await ended(drafts["failed"], "failed");

  await becomeUnknown(free, agent, ann);
  expect((await sendTo(free, agent, { to: [at("blocked")] })).status).toBe(403);
  expect((await ask("POST", "/v1/suppressions", { address: at("suppressed"), reason: "manual" })).status).toBeLessThan(300);
  expect((await sendTo(free, agent, { to: [at("suppressed")] })).status).toBe(403);
  for (let tries = 0; (await sendTo(free, agent, { to: [at("limited")] })).status !== 429; tries += 1) expect(tries).toBeLessThan(6);
  expect((await sendTo(id, agent, { to: [`${PEOPLE.to} at nowhere`] })).status).toBe(422);
  expect((await sendTo(id, STRAY.key, {})).status).toBe(401);
  expect((await sendTo(id, agent, { [STRAY.token]: 1 })).status).toBe(422);
  expect((await ask("GET", `/v1/drafts/${STRAY.token}`)).status).toBe(404);
  const shown = await Promise.all(Object.values(drafts).map((draft) => ask("GET", `/v1/pending/${draft}`, undefined, ann)));
  const own = await Promise.all(Object.values(drafts).map((draft) => ask("GET", `/v1/drafts/${draft}`)));
  desk = [...shown, ...own].map(({ text }) => text).join("\n");
}

function isCopied(): boolean {
  return peer.taken.some(({ recipients }) => recipients.some((each) => each.startsWith(PEOPLE.overseer)));
}

async function becomeUnknown(free: string, agent: string, ann: string): Promise<void> {
  const settle = (draft: DraftId, verdict: object) => ask("POST", "/v1/oversight/decide", { email_id: draft, ...verdict }, ann);
  cutting = true;
  drafts["resent"] = await submit(free, agent, 200, { to: [at("unknown")] });
  await until(drafts["resent"], "unknown");
  drafts["settled"] = await submit(free, agent, 200, { to: [at("unknown")] });
  await until(drafts["settled"], "unknown");
  cutting = false;
  expect((await settle(drafts["resent"], { action: "resend", reason: WORDS.whyresent })).status).toBe(200);
  expect((await settle(drafts["settled"], { action: "settle", reason: WORDS.whysettled })).status).toBe(200);
  await ended(drafts["resent"], "sent");
  await ended(drafts["settled"], "sent");
}

function at(who: keyof typeof PEOPLE): string {
  return `${PEOPLE[who]}@elsewhere.example`;
}

const ATTACHMENT = {
  filename: `${CONTENT.filename}.txt`,
  content_type: "text/plain",
  content: Buffer.from(CONTENT.attachment).toString("base64"),
};

async function sendTo(id: string, by: string, more: object) {
  const letter = {
    to: [`${CONTENT.display} <${at("to")}>`],
    cc: [at("cc")],
    bcc: [at("bcc")],
    subject: CONTENT.subject,
    markdown: `**${CONTENT.body}**`,
    text: CONTENT.text,
    attachments: [ATTACHMENT],
  };
  return ask("POST", `/v1/mailboxes/${id}/send`, { ...letter, ...more }, by, { "idempotency-key": `${STRAY.idempotency}-${(count += 1)}` });
}

let count = 0;

async function submit(id: string, by: string, status: number, more: object = {}): Promise<DraftId> {
  const answer = await sendTo(id, by, more);
  expect(answer.status, answer.text).toBe(status);
  return answer.json.id as DraftId;
}

/** To mail that came in. */
async function reply(by: string): Promise<DraftId> {
  const recipient = `${PEOPLE.desk}@acme.example`;
  const bytes = Buffer.from(await sign(write({ from: boss, to: recipient }), acme));
  const told = await handOver(service.smtp, { sender: boss, recipient, helo: "client.example", ip: acme.ip, bytes });
  const [message] = /msg_[0-9a-z]+/.exec(told.text) ?? [];
  const answer = await ask("POST", `/v1/messages/${message}/reply`, { markdown: CONTENT.body }, by);
  expect(answer.status, answer.text).toBe(202);
  return answer.json.id as DraftId;
}

async function mailbox(local: string, outbound: object): Promise<string> {
  const { json } = await ask("POST", "/v1/mailboxes", { address_local_part: local, domain: "acme.example", agent_id: "assistant" });
  const senders = [{ match: { address: boss }, capabilities: [] }];
  expect((await ask("PUT", `/v1/mailboxes/${json.id}/policy`, { defaultAction: "bounce", senders, outbound })).status).toBe(200);
  return json.id as string;
}

async function raise(id: string, oversight_mode: string, oversight_address: string): Promise<void> {
  const { json } = await ask("POST", `/v1/mailboxes/${id}/mode-code`, { oversight_mode });
  made["code"] = json.mode_code as string;
  const change = { oversight_mode, mode_code: json.mode_code, oversight_address };
  expect((await ask("PATCH", `/v1/mailboxes/${id}`, change)).status).toBe(200);
}

async function key(name: string, ...scopes: string[]): Promise<string> {
  const { json } = await ask("POST", "/v1/keys", { name, scopes });
  return (made[name] = json.key as string);
}

async function ask(method: string, path: string, body?: object, by: string = ADMIN, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(service.http + path, {
    method,
    headers: { authorization: `Bearer ${by}`, ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    get json(): any {
      return JSON.parse(text);
    },
  };
}

/** Milliseconds a draft may take to come to where it is waited for. */
const LONGEST = 40_000;

async function ended(draft: DraftId, state: string): Promise<void> {
  const result = service.temporal.workflow.getHandle(outboundWorkflowId(draft)).result();
  const over = new AbortController();
  try {
    expect(await Promise.race([result, late(draft, over.signal)])).toEqual({ state });
  } finally {
    over.abort();
  }
}

function until(draft: DraftId, status: string): Promise<void> {
  return come(draft, async () => (await ask("GET", `/v1/drafts/${draft}`)).json.status === status);
}

async function come(draft: DraftId, there: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + LONGEST;
  while (!(await there())) {
    if (Date.now() > deadline) throw await stuck(draft);
    await pause(50);
  }
}

async function late(draft: DraftId, over: AbortSignal): Promise<never> {
  await pause(LONGEST, undefined, { signal: over });
  throw await stuck(draft);
}

/** Where it is instead, as the service, its log and Temporal tell it. */
async function stuck(draft: DraftId): Promise<Error> {
  const { text } = await ask("GET", `/v1/drafts/${draft}`);
  const { raw } = await service.temporal.workflow.getHandle(outboundWorkflowId(draft)).describe();
  const [name] = Object.entries(drafts).find(([, id]) => id === draft) ?? [];
  const log = service.written().split("\n").slice(-40).join("\n");
  return new Error(
    `\`${name}\` goes no further: ${text}\n${JSON.stringify(raw.pendingActivities)}\n${JSON.stringify(raw.pendingWorkflowTask)}\n${log}`,
  );
}

/** What people said, where it is kept. */
function notes(): string {
  using database = new DatabaseSync(join(service.dataDir, "postern.db"), { readOnly: true });
  return JSON.stringify(database.prepare("select note from hold_notes").all());
}

async function runsOf({ temporal }: Service): Promise<Run[]> {
  const found: Run[] = [];
  for await (const { workflowId: id, runId, type, raw } of temporal.workflow.list()) {
    const handle = temporal.workflow.getHandle(id, runId);
    await handle.result().catch(() => {});
    const described = await handle.describe();
    found.push({ id, type, listed: JSON.stringify([raw, described.raw], asText), history: historyToJSON(await handle.fetchHistory()) });
  }
  return found;
}

/** Payloads of memo and search attributes are bytes. */
function asText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
}

/** A history without the payloads: what stays readable when a codec encrypts them. */
function outsidePayloads(history: string): string {
  return JSON.stringify(JSON.parse(history, (name, value: unknown) => (name === "data" ? undefined : value)));
}

function plant<N extends string>(...kinds: N[]): Readonly<Record<N, string>> {
  return Object.fromEntries(kinds.map((kind) => [kind, canary(kind)])) as Record<N, string>;
}

function everything(): Record<string, string> {
  return { ...CONTENT, ...WORDS, ...PEOPLE, ...REPLIES, ...STRAY, ...made, admin: ADMIN };
}

describe("DESIGN §9.10 of all that was planted on the way out", () => {
  it("what left has the words, and people at the desk are shown them: what is looked for is there", () => {
    const out = peer.taken.map(({ content }) => content).join("\n");
    expect(sightings(out, CONTENT)).toEqual(expect.arrayContaining(["subject", "body", "text", "edited", "editedsubject", "attachment"]));
    expect(sightings(desk, PEOPLE)).toEqual(expect.arrayContaining(["to", "cc", "bcc", "unknown", "failed"]));
    expect(sightings(notes(), WORDS)).toEqual(Object.keys(WORDS));
    expect(isCopied()).toBe(true);
    expect(Object.keys(made)).toEqual(["code", "agent", "ann", "ben"]);
  });

  it("every way was taken: sent, edited, rejected, failed, unknown, blocked, limited, copied", () => {
    const outbound = runs.filter(({ type }) => type === WORKFLOW.outboundMessage);
    expect(outbound.length).toBeGreaterThanOrEqual(Object.keys(drafts).length + 3);
    const results = outbound.flatMap(({ history }) => payloadsIn(history));
    for (const state of ["sent", "rejected", "failed", "blocked"]) expect(results).toContain(JSON.stringify({ state }));
    expect(outbound.some(({ history }) => history.includes("EVENT_TYPE_WORKFLOW_EXECUTION_FAILED"))).toBe(true);
    expect(outbound.some(({ history }) => history.includes("posternCopy"))).toBe(true);
  });

  it("nothing is in the log, which has a line for every answer", () => {
    const log = service.written();
    expect(log).toContain('"status":403');
    expect(sightings(log, everything())).toEqual([]);
  });

  it("nothing is in what lists of workflows show: ids, queues, memo, search attributes", () => {
    for (const { id, listed } of runs) expect(sightings(`${id} ${listed}`, everything()), id).toEqual([]);
  });

  it("no address, content, reason, key or reply is in any history of a draft, in payloads or beside them", () => {
    for (const { id, history } of runs.filter(({ type }) => type === WORKFLOW.outboundMessage)) {
      expect(sightings([history, ...payloadsIn(history)].join("\n"), everything()), id).toEqual([]);
      expect(sightings(outsidePayloads(history), everything()), id).toEqual([]);
    }
  });

  it("nothing is in the metrics", () => {
    expect(metrics).toContain("postern_");
    expect(sightings(metrics, everything())).toEqual([]);
  });
});
