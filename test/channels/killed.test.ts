import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomBytes } from "node:crypto";
import { Connection } from "@temporalio/client";
import { msToTs } from "@temporalio/common/lib/time.js";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createClient, type Client } from "../../src/cli/client.ts";
import { handOver } from "../../src/cli/smtp.ts";
import { ENVIRONMENT } from "../support/environment.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { sign, write, zoneOf } from "../support/signer.ts";
import { answerWith, open, Receiver, type Answer, type Received } from "./receiver.ts";
import { acme, ANYBODY, BOSS } from "./world.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const children: ChildProcess[] = [];
const receivers: Receiver[] = [];
let directory = "";
let places: { readonly smtp: number; readonly url: string };
let env: Record<string, string>;
let client: Client;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-killed-"));
  await writeFile(join(directory, "zone.json"), JSON.stringify(zoneOf([acme])));
  const [smtp, http] = [await freePort(), await freePort()];
  places = { smtp, url: `http://127.0.0.1:${http}` };
  env = {
    POSTERN_DATA: join(directory, "data"),
    POSTERN_DNS_ZONE: join(directory, "zone.json"),
    POSTERN_SMTP: `127.0.0.1:${smtp}`,
    POSTERN_HTTP: `127.0.0.1:${http}`,
    POSTERN_ADMIN_KEY: ADMIN_KEY,
    POSTERN_TRUSTED_RELAYS: "127.0.0.1",
    POSTERN_WEBHOOK_ALLOW: "127.0.0.1",
    POSTERN_LOG_LEVEL: "silent",
    TEMPORAL_ADDRESS: inject("temporalAddress"),
    TEMPORAL_NAMESPACE: await newNamespace(),
  };
  client = createClient({ url: places.url, key: async () => ADMIN_KEY, fetch });
  await start();
}, 120_000);
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const receiver of receivers) await receiver.close();
  if (directory !== "") await rm(directory, { recursive: true, force: true });
});

async function newNamespace(): Promise<string> {
  const connection = await Connection.connect({ address: inject("temporalAddress") });
  const namespace = `killed-${randomBytes(6).toString("hex")}`;
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs("1 day") });
  for (;;) {
    const known = await connection.workflowService.listSchedules({ namespace, maximumPageSize: 1 }).catch(() => null);
    if (known !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await connection.close();
  return namespace;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Times a start is tried: a namespace that was just made is not known everywhere at once, and a supervisor would try as often. */
const STARTS = 3;

/** Resolves when it answers. */
async function start(tries = STARTS): Promise<void> {
  const child = spawn(process.execPath, [MAIN, "serve"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...ENVIRONMENT, ...env },
  });
  children.push(child);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  for (;;) {
    const ready = await fetch(`${places.url}/readyz`).catch(() => null);
    if (ready?.ok === true) return;
    if (child.exitCode !== null && tries > 1) return start(tries - 1);
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The service, without warning. */
async function kill(): Promise<void> {
  const child = children.at(-1)!;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** A mailbox whose mail goes to a receiver of its own. */
async function hooked(local: string, answer: Answer) {
  const receiver = await Receiver.start();
  receivers.push(receiver);
  receiver.answer = answer;
  const address = { address_local_part: local, domain: "agents.example", agent_id: local };
  const { id } = await client.send<{ id: string }>("POST", "/v1/mailboxes", address);
  await client.send("PUT", `/v1/mailboxes/${id}/policy`, ANYBODY);
  const { id: webhook_id, secret } = await client.send<{ id: string; secret: string }>("POST", "/v1/webhooks", { url: receiver.url });
  await client.send("PATCH", `/v1/mailboxes/${id}`, { channels: [{ kind: "webhook", webhook_id }] });
  return { id, recipient: `${local}@agents.example`, receiver, secret };
}

async function mail(recipient: string): Promise<void> {
  const bytes = Buffer.from(await sign(write({ from: BOSS, to: recipient }), acme));
  const envelope = { helo: "client.example", sender: BOSS, recipient, ip: acme.ip, bytes };
  await handOver({ host: "127.0.0.1", port: places.smtp }, envelope);
}

interface Delivery {
  readonly state: string;
  readonly attempts: number;
}

/** The mailbox's only delivery, as soon as it fits. */
async function delivery(mailbox: string, fits: (delivery: Delivery) => boolean): Promise<Delivery> {
  for (;;) {
    const [only] = (await client.get<{ items: Delivery[] }>(`/v1/mailboxes/${mailbox}/deliveries`)).items;
    if (only !== undefined && fits(only)) return only;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** One delivery, however often it came. */
function expectOne(secret: string, received: readonly Received[]): void {
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  for (const each of received) expect(open(secret, each).type).toBe("message.created");
}

it("DESIGN §9.2 a service killed between two attempts goes on with the same id and the same body", { timeout: 240_000 }, async () => {
  const { id, recipient, receiver, secret } = await hooked("between", answerWith(500));
  await mail(recipient);
  await receiver.until(2);
  // Recorded: the next attempt is the server's to begin.
  await delivery(id, ({ attempts }) => attempts >= 2);
  await kill();
  const before = receiver.received.length;
  receiver.answer = answerWith(204);
  await start();
  expectOne(secret, await receiver.until(before + 1));
});

it(
  "DESIGN §9.2 one killed after the receiver has the request, before its answer is recorded, repeats it as it was",
  { timeout: 240_000 },
  async () => {
    // Has it, and says nothing.
    const { id, recipient, receiver, secret } = await hooked("within", () => undefined);
    await mail(recipient);
    await receiver.until(1);
    expect(await delivery(id, () => true)).toMatchObject({ state: "pending", attempts: 0 });
    await kill();
    receiver.answer = answerWith(204);
    await start();
    const received = await receiver.until(2);
    expectOne(secret, received);
    expect(await delivery(id, ({ state }) => state !== "pending")).toMatchObject({ state: "delivered", attempts: 1 });
    expect(receiver.received).toHaveLength(2);
  },
);
