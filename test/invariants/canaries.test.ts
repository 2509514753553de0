import { randomBytes } from "node:crypto";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handOver } from "../../src/cli/smtp.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import { cli } from "../cli/rig.ts";
import { makeSigner, sign, zoneOf } from "../support/signer.ts";
import { payloadsIn } from "../workflows/histories.ts";
import { canary, sightings } from "./canary.ts";
import { startService, type Service } from "./service.ts";

/** Words of senders and of people at their desks. */
const CONTENT = plant("body", "subject", "hidden", "filename", "attachment", "header", "messageid", "reference", "display", "pattern");
/** What callers and peers send that is nobody's business. */
const STRAY = plant("capability", "path", "query", "command", "policykey", "json", "forged");
const NOTES = plant("note", "discardnote");
/** Local parts of addresses. */
const PEOPLE = plant("boss", "stranger", "desk", "second", "nobody", "flaky");
const GIVEN_KEYS = {
  admin: `pst_live_${canary("admin")}`,
  wrong: `pst_live_${canary("wrong")}`,
  sealing: randomBytes(32).toString("base64"),
};
/** Keys and grants that the service made during the run. */
const made: Record<string, string> = {};

const acme = makeSigner("acme.example", "192.0.2.1");
const elsewhere = makeSigner("elsewhere.example", "203.0.113.9");
const boss = `${PEOPLE.boss}@acme.example`;
const stranger = `${PEOPLE.stranger}@elsewhere.example`;
const desk = `${PEOPLE.desk}@acme.example`;
const second = `${PEOPLE.second}@acme.example`;
const SIZE = 65_536;

let service: Service;
/** What peers and callers without a right to it were told. */
const toOthers: string[] = [];
let metrics: string;
let raw: string;
let details: string;
/** What people ended, explained. */
let ended: string;
let executions: readonly Execution[];

interface Execution {
  readonly type: string;
  /** Everything that a list of workflows shows. */
  readonly listed: string;
  readonly history: string;
}

beforeAll(async () => {
  service = await startService({
    zone: { ...zoneOf([acme, elsewhere]), "flaky.example": { TXT: "TEMPFAIL" } },
    env: { POSTERN_ADMIN_KEY: GIVEN_KEYS.admin, POSTERN_SECRET_KEY: GIVEN_KEYS.sealing, POSTERN_LIMIT_MESSAGE_SIZE: String(SIZE) },
  });
  await wholeRun();
  executions = await executionsOf(service);
  metrics = (await ask("GET", "/metrics")).text;
}, 120_000);
afterAll(() => service?.stop());

async function wholeRun(): Promise<void> {
  const mailbox = await makeMailbox(PEOPLE.desk, "bounce");
  const holding = await makeMailbox(PEOPLE.second, "hold");
  const other = await ask("POST", "/v1/tenants", { name: "other" });
  made["stranger"] = other.json.admin_key.key;
  const agent = await ask("POST", "/v1/keys", { name: "agent", scopes: ["read"], mailboxes: [mailbox] });
  made["agent"] = agent.json.key;

  const delivered = await deliver({ from: boss, to: desk }, 250);
  await deliver({ from: stranger, to: desk, by: elsewhere }, 550);
  await deliver({ from: boss, to: desk, by: null, ip: elsewhere.ip }, 550);
  await deliver({ from: boss, to: desk, more: `${CONTENT.pattern} again` }, 550);
  await deliver({ from: `${PEOPLE.flaky}@flaky.example`, to: desk, by: null }, 451);
  await deliver({ from: boss, to: desk, more: "x".repeat(SIZE) }, 552);
  await deliver({ from: boss, to: `${PEOPLE.nobody}@acme.example` }, 550);
  await deliver({ from: boss, to: desk, prefix: `From: ${stranger}\r\n` }, 550);
  const held = await deliver({ from: stranger, to: second, by: elsewhere }, 250);
  const quarantined = await deliver({ from: stranger, to: second, by: elsewhere, more: "once more" }, 250);

  const release = await ask("POST", `/v1/messages/${held}/release`, { note: NOTES.note });
  const discard = await ask("POST", `/v1/messages/${quarantined}/discard`, { note: NOTES.discardnote });
  const told = await Promise.all([release, discard].map(({ json }) => ask("GET", `/v1/decisions/${json.id}/explain`)));
  ended = told.map(({ text }) => text).join("\n");
  const message = await ask("GET", `/v1/messages/${delivered}`, undefined, made["agent"]);
  made["grant"] = message.json.grant;
  raw = (await ask("GET", `/v1/messages/${delivered}/raw`)).text;
  await ask("POST", "/v1/grants/check", { grant: made["grant"], capability: "read_calendar" }, made["agent"]);

  const decisions = await ask("GET", `/v1/mailboxes/${mailbox}/decisions`);
  const [refused] = decisions.json.items.filter((each: { outcome: string }) => each.outcome === "rejected_at_policy");
  details = (await ask("GET", `/v1/decisions/${refused.id}/explain`)).text;
  await strangersAsk({ mailbox, delivered, refused: refused.message_id, decision: refused.id });
  await askBadly(mailbox, delivered);
  await commands(mailbox, held);
  await deliver({ from: boss, to: desk }, 250);
  expect((await ask("GET", `/v1/mailboxes/${holding}/messages`)).json.items).toHaveLength(2);
}

/** Those who may not know: another tenant, a wrong key, the agent about refused mail. */
async function strangersAsk(ids: Readonly<Record<"mailbox" | "delivered" | "refused" | "decision", string>>): Promise<void> {
  const paths = [`/v1/mailboxes/${ids.mailbox}`, `/v1/mailboxes/${ids.mailbox}/messages`, `/v1/messages/${ids.delivered}`];
  for (const path of [...paths, `/v1/messages/${ids.refused}`, `/v1/decisions/${ids.decision}/explain`]) {
    await other(404, "GET", path, undefined, made["stranger"]);
    await other(401, "GET", path, undefined, GIVEN_KEYS.wrong);
  }
  await other(404, "GET", `/v1/messages/${ids.refused}`, undefined, made["agent"]);
  await other(403, "GET", `/v1/messages/${ids.delivered}/raw`, undefined, made["agent"]);
  await other(403, "GET", `/v1/decisions/${ids.decision}/explain`, undefined, made["agent"]);
  await other(403, "POST", "/v1/grants/check", { grant: made["grant"], capability: "read_calendar" }, made["stranger"]);
  const theirs = { address_local_part: "x", domain: "acme.example", agent_id: "x" };
  await other(409, "POST", "/v1/mailboxes", theirs, made["stranger"]);
}

/** Requests that are wrong; the answer may quote them to whoever asked, the log may not. */
async function askBadly(mailbox: string, message: string): Promise<void> {
  const check = (grant: string, capability: string) => ask("POST", "/v1/grants/check", { grant, capability }, made["agent"]);
  expect((await check(made["grant"] ?? "", STRAY.capability)).status).toBe(403);
  expect((await check(STRAY.forged, "read_calendar")).status).toBe(403);
  expect((await ask("GET", `/v1/${STRAY.path}`)).status).toBe(404);
  expect((await ask("GET", `/v1/messages/${STRAY.path}`)).status).toBe(404);
  expect((await ask("GET", `/v1/mailboxes/${mailbox}/messages?cursor=${STRAY.query}`)).status).toBe(422);
  expect((await ask("PUT", `/v1/mailboxes/${mailbox}/policy`, { [STRAY.policykey]: CONTENT.pattern })).status).toBe(422);
  expect((await ask("PUT", `/v1/mailboxes/${mailbox}/policy`, policy("bounce", `(${CONTENT.pattern}`))).status).toBe(422);
  expect((await ask("POST", `/v1/messages/${message}/usage`, `{"tokens_consumed": ${STRAY.json}`)).status).toBe(400);
  expect((await ask("POST", `/v1/messages/${message}/release`, { note: NOTES.note })).status).toBe(409);
  const answer = await handOver(service.smtp, {
    ...{ sender: `${STRAY.command} <`, recipient: desk, helo: `${STRAY.command}.example` },
    ...{ ip: acme.ip, bytes: Buffer.from("Subject: x\r\n\r\nx\r\n") },
  });
  expect(answer.code).toBeGreaterThanOrEqual(500);
}

/** The commands people use, against the same service. */
async function commands(mailbox: string, message: string): Promise<void> {
  const { host, port } = service.smtp;
  const env = { POSTERN_URL: service.http, POSTERN_SMTP: `${host}:${port}`, POSTERN_KEY: GIVEN_KEYS.admin };
  for (const argv of [
    ["messages", "list", "--mailbox", mailbox],
    ["messages", "show", message],
    ["decisions", "list", "--mailbox", mailbox],
  ]) {
    const ran = await cli(argv, { env });
    expect(ran.code, ran.err).toBe(0);
  }
  toOthers.push((await cli(["messages", "show", message], { env: { ...env, POSTERN_KEY: made["stranger"] ?? "" } })).err);
}

interface Sending {
  readonly from: string;
  readonly to: string;
  /** Null: unsigned. */
  readonly by?: typeof acme | null;
  readonly ip?: string;
  readonly more?: string;
  readonly prefix?: string;
}

/** One message full of planted words, through the SMTP port; its id when it was judged. */
async function deliver({ from, to, by = acme, ip = by?.ip ?? acme.ip, more = "", prefix = "" }: Sending, code: number): Promise<string> {
  const letter = plantedLetter(from, to, more);
  const bytes = Buffer.from(prefix + (by === null ? letter : await sign(letter, by)));
  const told = await handOver(service.smtp, { sender: from, recipient: to, helo: "client.example", ip, bytes });
  toOthers.push(JSON.stringify(told));
  expect(told).toMatchObject({ code });
  return /msg_[0-9a-z]+/.exec(told.text)?.[0] ?? "";
}

let count = 0;

function plantedLetter(from: string, to: string, more: string): string {
  count += 1;
  return [
    `From: ${CONTENT.display} <${from}>`,
    `To: ${to}`,
    `Subject: ${CONTENT.subject}`,
    `Message-ID: <${count}.${CONTENT.messageid}@test.example>`,
    `In-Reply-To: <${CONTENT.reference}@test.example>`,
    `X-Planted: ${CONTENT.header}`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="m"',
    "",
    "--m",
    'Content-Type: multipart/alternative; boundary="a"',
    "",
    "--a",
    "Content-Type: text/plain; charset=utf-8",
    "",
    `Read ${CONTENT.body} now.`,
    more,
    "--a",
    "Content-Type: text/html; charset=utf-8",
    "",
    `<p>Read ${CONTENT.body} now.</p><p style="display:none">${CONTENT.hidden}</p>`,
    "--a--",
    "--m",
    `Content-Type: text/plain; name="${CONTENT.filename}.txt"`,
    `Content-Disposition: attachment; filename="${CONTENT.filename}.txt"`,
    "",
    CONTENT.attachment,
    "--m--",
    "",
  ].join("\r\n");
}

function policy(defaultAction: string, reject: string): object {
  return {
    defaultAction,
    senders: [
      { match: { address: boss }, capabilities: ["read_calendar"] },
      { match: { domain: "flaky.example", requireSpf: true }, capabilities: [] },
    ],
    contentGuards: [{ reject, reason: "words", in: ["text"] }],
    auditLog: { retentionDays: 90, includeBodyHash: true },
  };
}

async function makeMailbox(local: string, defaultAction: string): Promise<string> {
  const { json } = await ask("POST", "/v1/mailboxes", { address_local_part: local, domain: "acme.example", agent_id: "assistant" });
  expect((await ask("PUT", `/v1/mailboxes/${json.id}/policy`, policy(defaultAction, `${CONTENT.pattern}\\s`))).status).toBe(200);
  return json.id as string;
}

/** `body` as a string is sent as it is. */
async function ask(method: string, path: string, body?: object | string, key: string = GIVEN_KEYS.admin) {
  const response = await fetch(service.http + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
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

async function other(status: number, ...request: Parameters<typeof ask>): Promise<void> {
  const answer = await ask(...request);
  expect(answer.status, `${request[0]} ${request[1]}`).toBe(status);
  toOthers.push(answer.text);
}

async function executionsOf({ temporal }: Service): Promise<Execution[]> {
  const found: Execution[] = [];
  for await (const { workflowId, runId, type, raw } of temporal.workflow.list()) {
    const handle = temporal.workflow.getHandle(workflowId, runId);
    await handle.result().catch(() => {});
    const described = await handle.describe();
    const history = historyToJSON(await handle.fetchHistory());
    found.push({ type, listed: JSON.stringify([raw, described.raw], asText), history });
  }
  return found;
}

/** Payloads of memo and search attributes are bytes. */
function asText(_key: string, value: unknown): unknown {
  const bytes = (value as { readonly type?: string; readonly data?: number[] } | null)?.type === "Buffer";
  if (bytes) return Buffer.from((value as { data: number[] }).data).toString("utf8");
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
}

/** A history without the payloads: what stays readable when a codec encrypts them. */
function outsidePayloads(history: string): string {
  return JSON.stringify(JSON.parse(history, (key, value: unknown) => (key === "data" ? undefined : value)));
}

function plant<N extends string>(...kinds: N[]): Readonly<Record<N, string>> {
  return Object.fromEntries(kinds.map((kind) => [kind, canary(kind)])) as Record<N, string>;
}

function secrets(): Record<string, string> {
  return { ...CONTENT, ...STRAY, ...GIVEN_KEYS, ...made };
}

function everything(): Record<string, string> {
  return { ...secrets(), ...NOTES, ...PEOPLE };
}

describe("DESIGN §9.10 of all that was planted in a whole run", () => {
  it("the mail itself holds every word, and the record of a refusal names who wrote about what: what is looked for is there", () => {
    const { pattern: _, ...inMail } = CONTENT;
    expect(sightings(raw, inMail)).toEqual(Object.keys(inMail));
    expect(sightings(details, everything())).toEqual(expect.arrayContaining(["subject", "stranger", "desk"]));
    expect(Object.keys(made)).toEqual(["stranger", "agent", "grant"]);
  });

  it("nothing is in the log, which has a line for every answer", () => {
    const log = service.written();
    expect(log).toContain("message answered");
    expect(log).toContain('"status":404');
    expect(sightings(log, everything())).toEqual([]);
  });

  it("nothing is in what lists of workflows show: ids, queues, memo, search attributes", () => {
    expect(new Set(executions.map(({ type }) => type))).toEqual(new Set([WORKFLOW.inboundMessage, WORKFLOW.holdMessage]));
    for (const { type, listed } of executions) expect(sightings(listed, everything()), type).toEqual([]);
  });

  it("no content, key or grant is in any history, though payloads do name the parties", () => {
    const payloads = executions.flatMap(({ history }) => payloadsIn(history));
    expect(sightings(payloads.join("\n"), PEOPLE)).toEqual(expect.arrayContaining(["boss", "stranger", "desk"]));
    for (const { type, history } of executions) {
      expect(sightings([history, ...payloadsIn(history)].join("\n"), secrets()), type).toEqual([]);
    }
  });

  it("nothing is in a history outside its payloads: failure messages, stacks, names", () => {
    expect(executions.some(({ history }) => history.includes("EVENT_TYPE_WORKFLOW_EXECUTION_FAILED"))).toBe(true);
    for (const { type, history } of executions) expect(sightings(outsidePayloads(history), everything()), type).toEqual([]);
  });

  it("a person's note is in no history: the store keeps it beside the attempt", () => {
    const payloads = executions.flatMap(({ history }) => [history, ...payloadsIn(history)]);
    expect(sightings(payloads.join("\n"), NOTES)).toEqual([]);
    expect(sightings(ended, NOTES)).toEqual(Object.keys(NOTES));
  });

  it("nothing is in the metrics", () => {
    expect(metrics).toContain("postern_smtp_replies_total");
    expect(sightings(metrics, everything())).toEqual([]);
  });

  it("nothing is told to those who may not know", () => {
    expect(toOthers.length).toBeGreaterThan(20);
    expect(sightings(toOthers.join("\n"), everything())).toEqual([]);
  });
});
