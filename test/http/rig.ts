import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { decide } from "../../activities/decide.ts";
import type { OutboundDeps } from "../../activities/deps.ts";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { deliverToWebhook } from "../../src/channels/webhook.ts";
import { createPost } from "../../src/net/post.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { bootstrap } from "../../src/bootstrap.ts";
import type { Gate } from "../../src/gate.ts";
import { createHttpApp } from "../../src/http/app.ts";
import type { HttpDeps } from "../../src/http/deps.ts";
import { createSlots } from "../../src/intake/slots.ts";
import { startHttp } from "../../src/http/server.ts";
import { createZoneResolver, type Zone } from "../../src/mail/dns.ts";
import type { MailReader } from "../../src/mail/reader.ts";
import type { FinalOutcome } from "../../src/model/decision.ts";
import { holdWorkflowOf } from "../../src/model/hold-workflow.ts";
import { PosternError } from "../../src/model/errors.ts";
import type { MessageRef } from "../../src/model/message.ts";
import { makeId, type MailboxId, type MessageId, type TenantId } from "../../src/model/ids.ts";
import type { Scope, Store } from "../../src/store/contract.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";

export const ADMIN_KEY = "pst_live_rig0admin0key0rig0admin0key0rig";
export const HIDDEN = "text nobody sees";

/** One instance with a real store and a real socket; Temporal and the parser are ports filled in here. */
export interface Rig {
  readonly deps: HttpDeps;
  readonly store: Store;
  readonly base: string;
  readonly tenant: TenantId;
  /** Every line the door logged, as JSON. */
  readonly lines: string[];
  /** The instance's clock, in epoch ms; tests move it. */
  now: number;
  temporalUp: boolean;
  /** Of the disk that blobs are on; tests replace it. */
  freeBytes: number;
  /** DNS as the instance sees it; tests replace it. */
  zone: Zone;
  /** Addresses of hosts that webhooks may name; tests replace it. */
  hosts: Readonly<Record<string, readonly string[]>>;
  /** Makes long polls answer, as a stopping instance does. */
  readonly closing: AbortController;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** A mailbox by the door, with an address of its own. */
  mailbox(options?: { key?: string; agent?: string; domain?: string }): Promise<{ id: MailboxId; address: string }>;
  key(scopes: readonly Scope[], mailboxes?: readonly string[], by?: string): Promise<string>;
  tenantKey(name: string): Promise<{ tenant: TenantId; key: string }>;
  /** One judged message, straight into the store. */
  message(options: MessageOptions): Promise<MessageId>;
  stop(): Promise<void>;
}

export interface CallOptions {
  readonly key?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of many shapes; tests say which. */
  readonly body: any;
}

export interface MessageOptions {
  readonly tenant?: TenantId;
  readonly mailbox: MailboxId;
  readonly outcome?: FinalOutcome;
  readonly capabilities?: readonly string[];
  readonly subject?: string;
  readonly text?: string;
  readonly at?: number;
  /** Whether the blob is kept. Default true. */
  readonly kept?: boolean;
  /** Bytes stored elsewhere, instead of ones made up here. */
  readonly ref?: MessageRef;
}

export async function startRig(): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), "postern-http-"));
  const store = await createSqliteStore({ path: join(dir, "postern.db") });
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
  const bytes = new Map<string, Buffer>();
  const lines: string[] = [];
  const log = (facts: object, text: string) => void lines.push(JSON.stringify({ ...facts, text }));
  const closing = new AbortController();
  const hosts: Readonly<Record<string, readonly string[]>> = { "agent.example.com": ["93.184.215.14"] };
  const rig = { now: Date.parse("2026-11-21T10:00:00Z"), temporalUp: true, zone: {}, hosts, freeBytes: Number.MAX_SAFE_INTEGER };
  const clock = () => rig.now;
  const boot = await bootstrap({ store, dataDir: dir, adminKey: ADMIN_KEY, clock, random });
  const targets = { lookup: (host: string) => lookupIn(rig.hosts, host), allowed: new Set(["hooks.internal"]) };
  const deps: HttpDeps = {
    store,
    gate: gateOver({ store, rig, random, clock, grants: boot.grants }),
    blobs: blobsOver(bytes),
    intake: { size: 25 * 1024 * 1024, answerMs: 30_000, judgements: createSlots({ total: 50, perKey: 5 }) },
    freeBytes: async () => rig.freeBytes,
    uses: createUses(),
    reader: readerOver(bytes),
    composer: { preview: () => Promise.reject(new PosternError("not_found", "the bytes are gone")) },
    freezer: { freeze: unused },
    screening: { judge: unused },
    transport: { kind: "sandbox" },
    temporal: { address: "127.0.0.1:7233", namespace: "default" },
    grants: boot.grants,
    identity: boot.identity.jwk,
    sealer: boot.sealer,
    webhooks: { targets, deliver: (request) => deliverToWebhook({ post: createPost(targets), targets }, request) },
    resolver: (name, type) => createZoneResolver(rig.zone)(name, type),
    clock,
    random,
    log: { info: log, error: log },
    metrics: new Registry(),
    version: "0.0.0-test",
    publicUrl: "http://postern.test",
    closing: closing.signal,
  };
  const http = await startHttp({ app: createHttpApp(deps), host: "127.0.0.1", port: 0 });
  const call = caller(http.address);
  let count = 0;

  return Object.assign(rig, {
    deps,
    store,
    base: http.address,
    tenant: boot.tenant.id,
    lines,
    closing,
    call,
    async mailbox({ key = ADMIN_KEY, agent = "assistant", domain = "acme.example" } = {}) {
      count += 1;
      const made = await call("POST", "/v1/mailboxes", { key, body: { address_local_part: `box${count}`, domain, agent_id: agent } });
      return made.body as { id: MailboxId; address: string };
    },
    async key(scopes: readonly Scope[], mailboxes?: readonly string[], by = ADMIN_KEY) {
      const made = await call("POST", "/v1/keys", {
        key: by,
        body: { name: "test", scopes, ...(mailboxes === undefined ? {} : { mailboxes }) },
      });
      return made.body.key as string;
    },
    async tenantKey(name: string) {
      const made = await call("POST", "/v1/tenants", { body: { name } });
      return { tenant: made.body.id as TenantId, key: made.body.admin_key.key as string };
    },
    async message(options: MessageOptions) {
      return addMessage({ store, bytes, random, now: rig.now, tenant: boot.tenant.id }, options);
    },
    async stop() {
      await http.close();
      await store.close();
      await rm(dir, { recursive: true });
    },
  });
}

async function lookupIn(hosts: Rig["hosts"], host: string): Promise<readonly string[]> {
  return hosts[host] ?? Promise.reject(new Error("ENOTFOUND"));
}

function caller(base: string) {
  return async (method: string, path: string, { key = ADMIN_KEY, body, headers = {}, signal }: CallOptions = {}): Promise<Answer> => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
  };
}

interface GateParts extends Pick<HttpDeps, "store" | "random" | "clock" | "grants"> {
  readonly rig: { readonly temporalUp: boolean };
}

/** What a workflow would do with an attempt, without one. */
function gateOver({ rig, ...parts }: GateParts): Gate {
  const deps = { ...parts, freezer: { freeze: unused }, screening: { judge: unused } } as unknown as OutboundDeps;
  return {
    receive: unused,
    submit: unused,
    wake: () => Promise.resolve(),
    dispatch: () => Promise.resolve(),
    unpolled: () => Promise.resolve([]),
    decide: (ref, action, { token }) => {
      const trace = { workflow_id: holdWorkflowOf(ref.hold), run_id: Buffer.from(parts.random(8)).toString("hex"), activity_id: "1" };
      return decide(deps, ref, action, { token }, { via: "update", nonce: trace.run_id }, trace);
    },
    ping: () => (rig.temporalUp ? Promise.resolve() : Promise.reject(new PosternError("unavailable", "down", { temporary: true }))),
    close: () => undefined,
  };
}

const unused = () => Promise.reject(new Error("not asked by this door"));

function blobsOver(bytes: ReadonlyMap<string, Buffer>): Blobs {
  return {
    create: () => Promise.reject(new Error("nothing is stored by this door")),
    get: (tenant, digest) => Promise.resolve(bytes.get(`${tenant}/${digest}`) ?? null),
    remove: () => Promise.resolve(),
    async *list() {},
  };
}

/** Reads `header, blank line, text`. */
function readerOver(bytes: ReadonlyMap<string, Buffer>): MailReader {
  return {
    inspect: unused,
    authenticate: unused,
    scan: unused,
    headline: unused,
    thread: unused,
    view: ({ tenant, ref }) => {
      const raw = bytes.get(`${tenant}/${ref.digest}`);
      if (raw === undefined) return Promise.reject(new PosternError("not_found", "the bytes are gone"));
      const text = raw.toString().split("\r\n\r\n")[1] ?? "";
      const view = { from: "Boss <boss@acme.example>", to: ["assistant@acme.example"], cc: [], subject: "s", date: null, text };
      return Promise.resolve({ ...view, html_text: "<seen>", hidden: [HIDDEN], attachments: [], truncated: false });
    },
  };
}

interface Bench {
  readonly store: Store;
  readonly bytes: Map<string, Buffer>;
  readonly random: HttpDeps["random"];
  readonly now: number;
  readonly tenant: TenantId;
}

async function addMessage(bench: Bench, options: MessageOptions): Promise<MessageId> {
  const { random, store } = bench;
  const {
    mailbox,
    tenant = bench.tenant,
    outcome = "delivered",
    capabilities = ["read_calendar"],
    subject = "Lunch?",
    at = bench.now,
  } = options;
  const id = makeId("msg", random(16));
  const raw = Buffer.from(`Subject: ${subject}\r\nX-Id: ${id}\r\n\r\n${options.text ?? "Shall we have lunch?"}`);
  const digest = createHash("sha256").update(raw).digest("hex");
  if (options.kept !== false) bench.bytes.set(`${tenant}/${digest}`, raw);
  const verification = { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: true } } as const;
  await store.run("inbound.decide", {
    input: {
      tenant,
      mailbox,
      message: id,
      ref: options.ref ?? { digest, size: raw.length },
      envelope: { ip: "192.0.2.1", helo: "mx.acme.example", sender: "boss@acme.example", recipient: "assistant@acme.example" },
      received_at: at,
    },
    facts: {
      identity: { kind: "sender", address: "boss@acme.example", domain: "acme.example", verified: true },
      verification,
      automatic: false,
      thread: makeId("thr", random(16)),
      loop: null,
      body_sha256: digest,
      tokens: 120,
    },
    headline: { subject, rfc_message_id: null },
    outcome,
    reason: outcome === "delivered" ? "sender_rule" : "test_reason",
    judged_at: outcome === "delivered" ? "admitted" : "content_guards",
    rule_index: 0,
    policy: await policyPin(bench, tenant, mailbox),
    findings: outcome === "delivered" ? [] : [{ guard: "content", code: "pattern", severity: 3, where: "text", rule_index: 0 }],
    capabilities: outcome === "delivered" || outcome === "held" || outcome === "quarantined" ? capabilities : [],
    limits: { perHour: 1000, tokensPerThread: 10_000, onLimit: "refuse" },
    audit: { retentionDays: 90, includeBodyHash: true },
    trace: { workflow_id: `in-${id.slice(4)}`, run_id: Buffer.from(random(8)).toString("hex"), activity_id: "1" },
    at,
    decision_id: makeId("dec", random(16)),
    audit_id: makeId("aud", random(16)),
    salt: Buffer.from(random(16)).toString("hex"),
  });
  return id;
}

async function policyPin({ store }: Bench, tenant: TenantId, mailbox: MailboxId) {
  const row = await store.run("policies.current", { tenant, mailbox });
  return row === null
    ? ({ id: "pol_0000000000000000", version: 0, digest: "0".repeat(64) } as const)
    : { id: row.id, version: row.version, digest: row.digest };
}
