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
import { afterAll, expect, inject, it } from "vitest";
import { createClient } from "../../src/cli/client.ts";
import { handOver } from "../../src/cli/smtp.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { sign, write, zoneOf } from "../support/signer.ts";
import { answerWith, open, Receiver } from "./receiver.ts";
import { acme, ANYBODY, BOSS } from "./world.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const children: ChildProcess[] = [];
let directory = "";
let receiver: Receiver | undefined;
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await receiver?.close();
  if (directory !== "") await rm(directory, { recursive: true, force: true });
});

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
async function start(env: Record<string, string>, url: string, tries = STARTS): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, "serve"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
  });
  children.push(child);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  for (;;) {
    const ready = await fetch(`${url}/readyz`).catch(() => null);
    if (ready?.ok === true) return child;
    if (child.exitCode !== null && tries > 1) return start(env, url, tries - 1);
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

it("DESIGN §9.2 a service killed between two attempts goes on with the same id and the same body", { timeout: 240_000 }, async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-killed-"));
  await writeFile(join(directory, "zone.json"), JSON.stringify(zoneOf([acme])));
  const [smtp, http] = [await freePort(), await freePort()];
  const connection = await Connection.connect({ address: inject("temporalAddress") });
  const namespace = `killed-${randomBytes(6).toString("hex")}`;
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs("1 day") });
  for (;;) {
    const known = await connection.workflowService.listSchedules({ namespace, maximumPageSize: 1 }).catch(() => null);
    if (known !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await connection.close();
  const env = {
    POSTERN_DATA: join(directory, "data"),
    POSTERN_DNS_ZONE: join(directory, "zone.json"),
    POSTERN_SMTP: `127.0.0.1:${smtp}`,
    POSTERN_HTTP: `127.0.0.1:${http}`,
    POSTERN_ADMIN_KEY: ADMIN_KEY,
    POSTERN_TRUSTED_RELAYS: "127.0.0.1",
    POSTERN_WEBHOOK_ALLOW: "127.0.0.1",
    POSTERN_LOG_LEVEL: "silent",
    TEMPORAL_ADDRESS: inject("temporalAddress"),
    TEMPORAL_NAMESPACE: namespace,
  };
  receiver = await Receiver.start();
  receiver.answer = answerWith(500);
  const first = await start(env, `http://127.0.0.1:${http}`);
  const client = createClient({ url: `http://127.0.0.1:${http}`, key: async () => ADMIN_KEY, fetch });
  const box = await client.send<{ id: string }>("POST", "/v1/mailboxes", {
    address_local_part: "assistant",
    domain: "agents.example",
    agent_id: "assistant",
  });
  await client.send("PUT", `/v1/mailboxes/${box.id}/policy`, ANYBODY);
  const webhook = await client.send<{ id: string; secret: string }>("POST", "/v1/webhooks", { url: receiver.url });
  await client.send("PATCH", `/v1/mailboxes/${box.id}`, { channels: [{ kind: "webhook", webhook_id: webhook.id }] });
  const bytes = Buffer.from(await sign(write({ from: BOSS, to: "assistant@agents.example" }), acme));
  await handOver(
    { host: "127.0.0.1", port: smtp },
    { helo: "client.example", sender: BOSS, recipient: "assistant@agents.example", ip: acme.ip, bytes },
  );
  await receiver.until(2);
  // Recorded: the next attempt is the server's to begin.
  for (;;) {
    const { items } = await client.get<{ items: { attempts: number }[] }>(`/v1/mailboxes/${box.id}/deliveries`);
    if (items[0]!.attempts >= 2) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  first.kill("SIGKILL");
  await once(first, "exit");
  const before = receiver.received.length;
  receiver.answer = answerWith(204);
  await start(env, `http://127.0.0.1:${http}`);
  const received = await receiver.until(before + 1);
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  for (const each of received) expect(open(webhook.secret, each).type).toBe("message.created");
});
