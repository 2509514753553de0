import "../support/quiet.ts";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { NativeConnection, type WorkerOptions } from "@temporalio/worker";
import { definePolicy } from "postern";
import type { api } from "postern/client";
import { createTestPostern, signed, testMail, testSender, type TestPostern, type TestSender } from "postern/testing";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { pullAgent } from "./pull.ts";
import { CAPABILITIES, createSchedulingWorker, createTools } from "./scheduling-worker.ts";
import { webhookAgent } from "./webhook.ts";

const BOSS = testSender("acme.example", "192.0.2.1");
const BOT = testSender("calendar-bot.example", "192.0.2.2");
const STRANGER = testSender("stranger.example", "192.0.2.3");

const POLICY = definePolicy({
  defaultAction: "bounce",
  senders: [
    { match: { address: `boss@${BOSS.domain}`, requireDkim: true }, capabilities: ["confirm_meeting"] },
    { match: { domain: BOT.domain, requireDkim: true }, capabilities: ["ingest_conflict_notice"] },
  ],
});

const PATIENCE = { timeout: 25_000, interval: 100 };

const queue = `agents-${randomBytes(6).toString("hex")}`;
const calendar: string[] = [];
let connection: NativeConnection;
let postern: TestPostern;
beforeAll(async () => {
  const address = inject("temporalAddress");
  connection = await NativeConnection.connect({ address });
  // In an installed package the name leads to the built files by itself.
  const alias = { "postern/workflows": fileURLToPath(new URL("../../workflows/index.ts", import.meta.url)) };
  const bundlerOptions: WorkerOptions["bundlerOptions"] = {
    webpackConfigHook: ({ resolve, ...config }) => ({ ...config, resolve: { ...resolve, alias: { ...resolve?.alias, ...alias } } }),
  };
  postern = await createTestPostern({
    temporal: { address },
    senders: [BOSS, BOT, STRANGER],
    env: { POSTERN_WEBHOOK_ALLOW: "127.0.0.1" },
    plugin: { capabilities: CAPABILITIES },
    worker: (plugin) => createSchedulingWorker({ connection, taskQueue: queue, bundlerOptions }, createTools(calendar), plugin),
  });
});
afterAll(async () => {
  await postern.close();
  await connection.close();
});

async function deliver(to: string, from: TestSender, subject: string): Promise<number> {
  const sender = `boss@${from.domain}`;
  const eml = await signed(testMail({ from: sender, to, subject }), from);
  return vi.waitFor(async () => {
    const { code } = await postern.deliver({ eml, to, from: sender, ip: from.ip });
    return code === 451 ? expect.fail("told to come again") : code;
  }, PATIENCE);
}

/** The boss can book, the conflict bot can only report, a stranger bounces. */
async function deliverAll(to: string): Promise<void> {
  expect(await deliver(to, BOSS, "Book: lunch with Ann")).toBe(250);
  expect(await deliver(to, BOT, "Book: whatever I say")).toBe(250);
  expect(await deliver(to, STRANGER, "Book: me")).toBe(550);
}

describe("MB-21 a gated agent in about 40 lines", () => {
  it("X-35 as a workflow of the team's own worker", async () => {
    const { id, address } = await postern.mailbox("scheduling@agents.example", POLICY, { mode: "autonomous" });
    const key = await postern.key(id, ["send"]);
    await postern.setChannels(id, [{ kind: "workflow", type: "schedulingAgent", task_queue: queue, id_per: "thread", key_id: key.id }]);
    await deliverAll(address);
    expect(await deliver(address, BOT, "Two meetings at noon")).toBe(250);
    await vi.waitFor(() => expect(calendar).toHaveLength(2), PATIENCE);
    expect(calendar.toSorted()).toEqual(["conflict: Two meetings at noon", "lunch with Ann"]);
    await vi.waitFor(async () => expect((await postern.client().sink(id)).items).toHaveLength(1), PATIENCE);
  });

  it("as a pull agent", async () => {
    const { id, address } = await postern.mailbox("pull@agents.example", POLICY);
    const { key } = await postern.key(id, ["read", "send"]);
    await deliverAll(address);
    const stop = new AbortController();
    const did: string[] = [];
    for await (const one of pullAgent({ url: postern.url, key, signal: stop.signal })) {
      did.push(one.did);
      if (did.length === 2) stop.abort();
    }
    expect(did).toEqual([`booked for boss@${BOSS.domain}`, `noted a conflict from boss@${BOT.domain}`]);
    expect((await postern.client().pending({ mailbox_id: id })).items).toHaveLength(1);
  });

  it("MH-04 as a webhook agent", async () => {
    const { id, address } = await postern.mailbox("webhook@agents.example", POLICY);
    const { key } = await postern.key(id, ["read", "send"]);
    const did: string[] = [];
    let secrets: readonly string[] = [];
    const server = webhookAgent({ url: postern.url, key, secrets: () => secrets, onDone: (what) => did.push(what) });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const webhook = await postern.call<api.WebhookWithSecret>("POST", "/v1/webhooks", { url });
      secrets = [webhook.secret];
      await postern.setChannels(id, [{ kind: "webhook", webhook_id: webhook.id }]);
      await deliverAll(address);
      await vi.waitFor(() => expect(did).toHaveLength(2), PATIENCE);
      expect(did.toSorted()).toEqual(["booked Book: lunch with Ann", "noted Book: whatever I say"]);
      expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(400);
    } finally {
      server.close();
    }
  });
});
