// The process under measurement: the SMTP door over the real store and real blobs, with a gate that answers at once.
import { randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { join } from "node:path";
import { Registry } from "prom-client";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import { createUses } from "../../src/blobs/uses.ts";
import type { Decision } from "../../src/model/decision.ts";
import { freeSpace } from "../../src/free-space.ts";
import { makeId } from "../../src/model/ids.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { startSmtp } from "../../src/smtp/start.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { createReaderPool } from "../../src/threads/pool.ts";
import { answerParent, type Subject } from "./child.ts";
import { paced, timed } from "./figures.ts";

export interface Setup {
  readonly root: string;
  readonly to: string;
  /** Read every message in the reader thread, as the door of an instance does; else the structure is not looked at. */
  readonly inspect: boolean;
  /** Milliseconds until files are made of blobs; default: the product's. */
  readonly restMs?: number;
}

export interface Stall {
  /** Longest delay of a turn of the loop by the clock, milliseconds: what else the machine does is in it. */
  readonly delay: number;
  /** Longest turn by the processor time of the thread, milliseconds. */
  readonly turn: number;
}

answerParent(async ({ root, to, inspect, restMs }: Setup): Promise<Subject> => {
  const blobRoot = join(root, "blobs");
  const store = await createSqliteStore({ path: join(root, "bench.db") });
  const blobs = await createFileBlobs(blobRoot, Date.now, restMs === undefined ? {} : { restMs });
  const reader = createReaderPool({ source: { kind: "files", root: blobRoot }, zone: null });
  const tenant = makeId("ten", randomBytes(16));
  await store.run("tenants.create", { id: tenant, name: "bench", at: 0 });
  const [address_id, domain_id] = [makeId("adr", randomBytes(16)), makeId("dom", randomBytes(16))];
  const address = { address: to, domain: to.slice(to.indexOf("@") + 1), address_id, domain_id };
  await store.run("mailboxes.create", { id: makeId("mbx", randomBytes(16)), tenant, agent_id: "a", ...address, at: 0 });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const door = await startSmtp({
    ...{ host: "127.0.0.1", port: 0, trustedRelays: ["127.0.0.1"], name: "mx.acme.example" },
    deps: {
      ...{ store, blobs, uses: createUses(), clock: Date.now, random: randomBytes, log, metrics: new Registry() },
      gate: { receive: async (input) => ({ kind: "decided", decision: delivered(input) }) },
      reader: inspect ? reader : { inspect: async () => null },
      freeBytes: freeSpace(blobRoot),
    },
    limits: { judgements: 200 },
  });
  const put = async (mail: Buffer): Promise<void> => {
    const writer = await blobs.create(tenant);
    await writer.write(mail);
    await writer.commit();
  };
  let watch = watchLoop();
  return {
    tasks: {
      port: async () => door.address.port,
      put: async ({ mails, atOnce }: { mails: readonly Uint8Array[]; atOnce: number }) =>
        timed(mails, atOnce, (mail) => put(bytesOf(mail))),
      pace: async ({ mails, perSecond }: { mails: readonly Uint8Array[]; perSecond: number }) =>
        paced(mails, perSecond, (mail) => put(bytesOf(mail))),
      watch: async () => void (watch = watchLoop()),
      stalled: async () => watch(),
    },
    async close() {
      await door.close();
      await reader.close();
      await blobs.close();
      await store.close();
    },
  };
});

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function watchLoop(): () => Stall {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let turn = 0;
  let before = process.threadCpuUsage();
  let running = true;
  const next = (): void => {
    const { user, system } = process.threadCpuUsage(before);
    turn = Math.max(turn, (user + system) / 1000);
    before = process.threadCpuUsage();
    if (running) setImmediate(next);
  };
  setImmediate(next);
  return () => {
    running = false;
    delay.disable();
    return { delay: delay.max / 1e6, turn };
  };
}

function delivered({ message }: InboundInput): Decision {
  return {
    ...{ id: "dec_0000000000000000", message, run: "run", direction: "inbound", stage: "inbound", outcome: "delivered" },
    ...{
      reason: "sender_rule",
      judged_at: "admitted",
      rule_index: 0,
      policy: { id: "pol_0000000000000000", version: 1, digest: "0".repeat(64) },
    },
    ...{
      findings: [],
      verification: null,
      capabilities: [],
      reservations: [],
      supersedes: null,
      at: new Date().toISOString(),
      actor: "postern",
    },
  };
}
