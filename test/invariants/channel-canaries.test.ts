import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { handOver } from "../../src/cli/smtp.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import { Receiver } from "../channels/receiver.ts";
import { makeSigner, sign, write, zoneOf } from "../support/signer.ts";
import { SmtpClient } from "../support/smtp-client.ts";
import { payloadsIn } from "../workflows/histories.ts";
import { canary, sightings } from "./canary.ts";
import { startService, type Service } from "./service.ts";

/** What senders and bridges write. */
const CONTENT = plant("subject", "body", "messageid", "header", "filename", "attachment", "html", "display");
/** Local parts of addresses, and the host of a sender. */
const PEOPLE = plant("boss", "desk", "guessed", "forum", "other", "client");
/** What callers send that is nobody's business. */
const STRAY = plant("path", "query", "description", "cursor", "inside", "field", "base64", "helo", "forwarded", "agent", "type", "queue");
/** What a receiver says. */
const REPLIES = plant("reply", "replyheader", "location");
const ADMIN = `pst_live_${canary("admin")}`;
/** Keys, secrets and grants that the service made during the run. */
const made: Record<string, string> = {};

const acme = makeSigner("acme.example", "192.0.2.1");
const boss = `${PEOPLE.boss}@acme.example`;
const desk = `${PEOPLE.desk}@acme.example`;
/** Of a team's workflow, which no worker runs here: what it is brought stays to be looked at. */
const AGENT = "teamAgent";

let service: Service;
let receiver: Receiver;
let lmtpPort: number;
let runs: readonly Run[];
let metrics: string;
/** What callers without a right to it were told. */
const toOthers: string[] = [];
/** The first delivery as it came. */
let posted: string;

interface Run {
  readonly type: string;
  readonly listed: string;
  readonly history: string;
}

beforeAll(async () => {
  receiver = await Receiver.start();
  lmtpPort = await freePort();
  service = await startService({
    zone: zoneOf([acme]),
    env: { POSTERN_ADMIN_KEY: ADMIN, POSTERN_WEBHOOK_ALLOW: "127.0.0.1", POSTERN_LMTP: `127.0.0.1:${lmtpPort}` },
  });
  await wholeRun();
  runs = await runsOf(service);
  metrics = (await ask("GET", "/metrics")).text;
}, 120_000);
afterAll(async () => {
  await service?.stop();
  await receiver?.close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function wholeRun(): Promise<void> {
  const { json: box } = await ask("POST", "/v1/mailboxes", {
    address_local_part: PEOPLE.desk,
    domain: "acme.example",
    agent_id: "assistant",
  });
  expect((await ask("PUT", `/v1/mailboxes/${box.id}/policy`, policy())).status).toBe(200);
  made["agent"] = (await ask("POST", "/v1/keys", { name: "agent", scopes: ["read", "send"], mailboxes: [box.id] })).json.key;
  made["bridge"] = (await ask("POST", "/v1/keys", { name: "bridge", scopes: ["ingest"] })).json.key;
  const sender = (await ask("POST", "/v1/keys", { name: "sender", scopes: ["send"], mailboxes: [box.id] })).json;
  made["sender"] = sender.key;
  const url = `${receiver.url}/${STRAY.path}?token=${STRAY.query}`;
  const { json: webhook } = await ask("POST", "/v1/webhooks", { url, description: STRAY.description });
  made["secret"] = webhook.secret;
  const workflow = { kind: "workflow", type: AGENT, task_queue: "agents", id_per: "message", key_id: sender.id };
  const channels = [{ kind: "webhook", webhook_id: webhook.id }, workflow];
  expect((await ask("PATCH", `/v1/mailboxes/${box.id}`, { channels })).status).toBe(200);
  const { json: quiet } = await ask("POST", "/v1/mailboxes", { address_local_part: "quiet", domain: "acme.example", agent_id: "quiet" });
  const named = { ...workflow, key_id: undefined, type: STRAY.type, task_queue: STRAY.queue };
  expect((await ask("PATCH", `/v1/mailboxes/${quiet.id}`, { channels: [named] })).status).toBe(200);

  receiver.answer = (response, { body }) =>
    void response.writeHead(500, REPLIES.reply, { "x-reply": REPLIES.replyheader, location: `/${REPLIES.location}` }).end(body);
  await bySmtp();
  posted = (await receiver.until(1))[0]!.body;
  made["grant"] = JSON.parse(posted).data.grant;
  const { json: rotated } = await ask("POST", `/v1/webhooks/${webhook.id}/rotate`, { grace_s: 60 });
  made["second"] = rotated.secret;
  await byLmtp();
  await byIngest();
  await streamed(box.id);
  await asked(box.id, webhook.id);
  await strangerAsks(box.id, webhook.id, sender.id);
  expect((await ask("DELETE", `/v1/webhooks/${webhook.id}`)).status).toBe(204);
  const { json: short } = await ask("POST", "/webhook/register", { url, agent_id: "assistant" });
  made["short"] = short.secret;
}

function policy(): object {
  return {
    defaultAction: "bounce",
    senders: [
      { match: { address: boss }, capabilities: ["read_calendar"] },
      { match: { domain: "forum.example", allowUnverified: true }, capabilities: [] },
    ],
    contentGuards: [],
    auditLog: { retentionDays: 90, includeBodyHash: true },
  };
}

function letter(): Promise<string> {
  return sign(
    write({ from: boss, to: desk, subject: CONTENT.subject, text: CONTENT.body, headers: [`X-Planted: ${CONTENT.header}`] }),
    acme,
  );
}

async function bySmtp(): Promise<void> {
  const told = await handOver(service.smtp, {
    sender: boss,
    recipient: desk,
    helo: "client.example",
    ip: acme.ip,
    bytes: Buffer.from(await letter()),
  });
  expect(told).toMatchObject({ code: 250 });
}

/** Of an MTA that states whom it speaks for. */
async function byLmtp(): Promise<void> {
  const client = await SmtpClient.connect(lmtpPort);
  await client.expect("220 ");
  await client.command(`LHLO ${STRAY.helo}.example`, "250");
  await client.command(`XFORWARD NAME=${STRAY.forwarded}.example ADDR=${acme.ip} HELO=${PEOPLE.client}.example`, "250");
  expect(await client.send({ from: boss, to: [desk], data: Buffer.from(await letter()) })).toMatch(/^250 /);
  client.end();
}

async function byIngest(): Promise<void> {
  const raw = Buffer.from(await letter());
  const bridge = made["bridge"] ?? "";
  const parsed = {
    ...{ to: desk, from: `${CONTENT.display} <${PEOPLE.forum}@forum.example>`, subject: CONTENT.subject, text: CONTENT.body },
    ...{ html: `<p>${CONTENT.html}</p>`, headers: { "X-Planted": CONTENT.header }, message_id: `${CONTENT.messageid}@forum.example` },
    attachments: [
      { filename: `${CONTENT.filename}.txt`, content_type: "text/plain", content: Buffer.from(CONTENT.attachment).toString("base64") },
    ],
  };
  expect((await ask("POST", "/v1/ingest", parsed, bridge)).json).toMatchObject({ outcome: "delivered" });
  const envelope = { from: boss, to: desk };
  expect((await ask("POST", "/v1/ingest", { raw: raw.toString("base64"), envelope }, bridge)).json).toMatchObject({ outcome: "delivered" });
  const wrong = [
    { ...parsed, [STRAY.field]: CONTENT.body },
    { ...parsed, headers: { [`${STRAY.field}:`]: CONTENT.header } },
    { ...parsed, from: `${PEOPLE.other} <` },
    { ...parsed, to: `${PEOPLE.guessed}@acme.example` },
    { ...parsed, from: desk },
    { raw: `${STRAY.base64}!`, envelope },
  ];
  const { json } = await ask("POST", "/v1/ingest", { items: wrong }, bridge);
  expect(json.items.map((each: { error?: { code: string } }) => each.error?.code)).not.toContain(undefined);
  expect((await ask("POST", "/v1/ingest", `{"to": ${STRAY.field}`, bridge)).status).toBe(400);
  // As caches and proxies would see it.
  const query = `from=${encodeURIComponent(boss)}&to=${encodeURIComponent(desk)}`;
  const headers = { authorization: `Bearer ${bridge}`, "content-type": "message/rfc822" };
  expect((await fetch(`${service.http}/v1/ingest?${query}`, { method: "POST", headers, body: new Uint8Array(raw) })).status).toBe(200);
}

async function streamed(mailbox: string): Promise<void> {
  const path = `${service.http}/v1/mailboxes/${mailbox}/stream`;
  const headers = { authorization: `Bearer ${made["agent"]}` };
  const abort = new AbortController();
  const response = await fetch(path, { headers, signal: abort.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("event: message");) text += (await reader.read()).value ?? expect.fail("the stream has ended");
  abort.abort();
  expect((await fetch(path, { headers: { ...headers, "last-event-id": STRAY.cursor } })).status).toBe(422);
  expect((await fetch(`${path}?after=${STRAY.cursor}`, { headers })).status).toBe(422);
}

/** What is wrong with a request may be quoted to whoever made it, and nowhere else. */
async function asked(mailbox: string, webhook: string): Promise<void> {
  for (const url of [`https://169.254.169.254/${STRAY.inside}`, `https://user:${STRAY.inside}@agent.example.com/`, STRAY.inside]) {
    expect((await ask("POST", "/v1/webhooks", { url })).status).toBe(422);
  }
  expect((await ask("POST", "/webhook/register", { url: receiver.url, agent_id: STRAY.agent })).status).toBe(404);
  for (const of of [`/v1/mailboxes/${mailbox}`, `/v1/webhooks/${webhook}`]) {
    expect((await ask("GET", `${of}/deliveries?cursor=${STRAY.cursor}`)).status).toBe(422);
  }
  const { json } = await ask("GET", `/v1/webhooks/${webhook}/deliveries`);
  expect((await ask("POST", `/v1/webhooks/${webhook}/deliveries/${json.items[0].id}/replay`)).status).toBe(202);
}

/** Ids of another tenant's things in bodies, and its deliveries below a mailbox of one's own. */
async function strangerAsks(mailbox: string, webhook: string, key: string): Promise<void> {
  made["stranger"] = (await ask("POST", "/v1/tenants", { name: "stranger" })).json.admin_key.key;
  const by = made["stranger"];
  const { json: own } = await ask("POST", "/v1/mailboxes", { address_local_part: "box", domain: "stranger.example", agent_id: "x" }, by);
  const workflow = { kind: "workflow", type: "t", task_queue: "q", id_per: "thread", key_id: key };
  for (const channels of [[{ kind: "webhook", webhook_id: webhook }], [workflow]]) {
    await other(422, "PATCH", `/v1/mailboxes/${own.id}`, { channels }, by);
  }
  for (const path of ["/webhook/rotate", "/postbox/webhook/rotate"])
    await other(404, "POST", path, { webhook_id: webhook, grace_s: 1 }, by);
  await other(404, "POST", "/webhook/register", { url: receiver.url, agent_id: "assistant" }, by);
  const { json } = await ask("GET", `/v1/mailboxes/${mailbox}/deliveries`);
  for (const { id } of json.items) await other(404, "POST", `/v1/mailboxes/${own.id}/deliveries/${id}/replay`, undefined, by);
  const bridge = (await ask("POST", "/v1/keys", { name: "bridge", scopes: ["ingest"] }, by)).json.key;
  made["strangersbridge"] = bridge;
  const theirs = await ask("POST", "/v1/ingest", { to: desk, from: "ann@forum.example" }, bridge);
  const nobodys = await ask("POST", "/v1/ingest", { to: `${PEOPLE.guessed}@acme.example`, from: "ann@forum.example" }, bridge);
  const [{ request_id: _one, ...answer }, { request_id: _other, ...expected }] = [theirs.json, nobodys.json];
  expect([theirs.status, answer]).toEqual([404, expected]);
  toOthers.push(JSON.stringify(answer));
}

/** `body` as a string is sent as it is. */
async function ask(method: string, path: string, body?: object | string, key: string = ADMIN) {
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

/** Of the agent's workflow and of deliveries that are being tried as well, as far as they have come. */
async function runsOf({ temporal }: Service): Promise<Run[]> {
  await vi.waitFor(async () => {
    let agents = 0;
    for await (const { type } of temporal.workflow.list()) if (type === AGENT) agents += 1;
    expect(agents).toBeGreaterThanOrEqual(3);
  }, 20_000);
  const found: Run[] = [];
  for await (const { workflowId, runId, type, raw } of temporal.workflow.list()) {
    const handle = temporal.workflow.getHandle(workflowId, runId);
    const described = await handle.describe();
    found.push({ type, listed: JSON.stringify([raw, described.raw], asText), history: historyToJSON(await handle.fetchHistory()) });
  }
  return found;
}

/** Payloads, also of memo and search attributes, are bytes. */
function asText(_key: string, value: unknown): unknown {
  const bytes = (value as { readonly type?: string; readonly data?: number[] } | null)?.type === "Buffer";
  if (bytes) return Buffer.from((value as { data: number[] }).data).toString("utf8");
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
}

function outsidePayloads(history: string): string {
  return JSON.stringify(JSON.parse(history, (key, value: unknown) => (key === "data" ? undefined : value)));
}

function plant<N extends string>(...kinds: N[]): Readonly<Record<N, string>> {
  return Object.fromEntries(kinds.map((kind) => [kind, canary(kind)])) as Record<N, string>;
}

function secrets(): Record<string, string> {
  return { ...CONTENT, ...STRAY, ...REPLIES, admin: ADMIN, ...made };
}

function everything(): Record<string, string> {
  return { ...secrets(), ...PEOPLE };
}

describe("DESIGN §9.10 of all that was planted in mail by every way in, to every channel", () => {
  it("the receiver has the mail, its grant and a signature: what is looked for is there", () => {
    expect(sightings(posted, everything())).toEqual(expect.arrayContaining(["subject", "body", "grant", "boss", "desk"]));
    expect(receiver.received[0]!.path).toContain(STRAY.query);
    expect(Object.values(made).every((secret) => secret.length > 20)).toBe(true);
  });

  it("nothing is in the log", () => {
    const log = service.written();
    expect(log).toContain("message answered");
    expect(log).toContain('"status":422');
    expect(sightings(log, everything())).toEqual([]);
  });

  it("nothing is in what lists of workflows show", () => {
    const types = new Set(runs.map(({ type }) => type));
    expect(types).toEqual(new Set([AGENT, WORKFLOW.inboundMessage, WORKFLOW.dispatchMessage]));
    for (const { type, listed } of runs) expect(sightings(listed, everything()), type).toEqual([]);
  });

  it("nothing is in the history of a delivery or of an agent's workflow, payloads and all", () => {
    for (const { type, history } of runs.filter((run) => run.type !== WORKFLOW.inboundMessage)) {
      expect(sightings([history, ...payloadsIn(history)].join("\n"), everything()), type).toEqual([]);
    }
  });

  it("no content, key, secret or grant is in any history, and nothing outside its payloads", () => {
    for (const { type, history } of runs) {
      expect(sightings([history, ...payloadsIn(history)].join("\n"), secrets()), type).toEqual([]);
      expect(sightings(outsidePayloads(history), everything()), type).toEqual([]);
    }
  });

  it("nothing is in a leaf of the audit, which is kept for good; beside it is what was changed", () => {
    using database = new DatabaseSync(join(service.dataDir, "postern.db"), { readOnly: true });
    const leaves = database
      .prepare("select leaf from audit_entries")
      .all()
      .map(({ leaf }) => (typeof leaf === "string" ? leaf : Buffer.from(leaf as Uint8Array).toString("utf8")))
      .join("\n");
    const details = JSON.stringify(database.prepare("select details_json from audit_private").all());
    expect(leaves).toContain("mailbox.channels_changed");
    expect(sightings(leaves, everything())).toEqual([]);
    expect(sightings(details, STRAY)).toEqual(expect.arrayContaining(["path", "query", "type", "queue"]));
  });

  it("nothing is in the metrics", () => {
    expect(metrics).toContain("postern_smtp_replies_total");
    expect(sightings(metrics, everything())).toEqual([]);
  });

  it("MB-18 nothing is told to another tenant, for whom what is there is as unknown as what is not", () => {
    expect(toOthers.length).toBeGreaterThanOrEqual(8);
    expect(sightings(toOthers.join("\n"), everything())).toEqual([]);
  });
});
