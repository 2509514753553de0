import "../support/quiet.ts";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@temporalio/client";
import { NativeConnection } from "@temporalio/worker";
import { inject } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { formatPolicy, policyDigest } from "../../policies/load.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { createGate, type Answer } from "../../src/gate.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import type { MailReader } from "../../src/mail/reader.ts";
import { messageId } from "../../src/message-id.ts";
import type { TenantId } from "../../src/model/ids.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { bundlePosternWorkflows, createPosternWorkers } from "../../src/worker.ts";
import { uniqueQueues } from "../support/instance.ts";
import { zoneOf, type Signer } from "../support/signer.ts";
import { addTenant, newDomain, newId, type Place } from "../store/samples.ts";

/** Lets everybody in whom a mechanism proves. */
const ANYBODY = definePolicy({
  defaultAction: "bounce",
  senders: [{ match: { domain: "*" }, capabilities: ["read_calendar"] }],
  contentGuards: [{ reject: "forbidden", reason: "words" }],
  auditLog: { retentionDays: 90, includeBodyHash: true },
});

const LOOP_CAPS = { perThread: 10, perPair: 30 } as const;

export type GateRig = Awaited<ReturnType<typeof openGateRig>>;
type Step = keyof MailReader;

/** The gate and its workers over a real store and a real Temporal server, in which the reading of mail can be made to fail. */
export async function openGateRig(signers: readonly Signer[], options: { readonly maxCachedWorkflows?: number } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "postern-gate-"));
  const database = join(directory, "postern.db");
  const store = await createSqliteStore({ path: database });
  const blobs = createMemoryBlobs(Date.now);
  const failures = new Map<Step, Error[]>();
  const faults: { readonly activity: string; readonly code: string; readonly where: string }[] = [];
  const reader = createMailReader({ blobs, resolver: createZoneResolver(zoneOf(signers)), now: Date.now });
  const connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  const client = new Client({ connection });
  const taskQueues = uniqueQueues();
  const onFault = (fault: (typeof faults)[number]) => void faults.push(fault);
  const real = { store, blobs, uses: createUses(), clock: Date.now, random: randomBytes, loopCaps: LOOP_CAPS, onFault };
  const workers = await createPosternWorkers({
    ...{ connection, namespace: "default", taskQueues, ...options },
    bundle: await (bundle ??= bundlePosternWorkflows()),
    deps: { ...real, reader: failing(reader, failures) },
  });
  const running = workers.run();
  const gate = createGate({ client, store, taskQueues, eager: true, random: randomBytes, onFault: () => {} });
  return {
    ...{ store, database, client, gate, taskQueues, faults },
    /** The next calls of one step of reading reject with these, in this order. */
    failNext: (step: Step, ...errors: Error[]) => void failures.set(step, errors),
    /** A mailbox under a policy, in a tenant of its own. */
    async mailbox(): Promise<Place> {
      const place = await addTenant(store, newDomain());
      const policy = { document: formatPolicy(ANYBODY), digest: policyDigest(ANYBODY) };
      await store.run("policies.put", { ...place, ...policy, id: newId("pol"), at: Date.now(), actor: "postern" });
      return place;
    },
    /** Stores the bytes and asks the gate about them, as a door does. */
    async receive(at: Place, mail: { readonly bytes: string; readonly sender: string; readonly ip: string }) {
      const ref = await put(blobs, at.tenant, mail.bytes);
      const envelope = { ip: mail.ip, helo: "client.example", sender: mail.sender, recipient: "assistant@acme.example" };
      const message = messageId({ ...at, digest: ref.digest, sender: mail.sender });
      const input: InboundInput = { ...at, ref, envelope, message, received_at: Date.now() };
      const answer: Answer = await gate.receive(input, 20_000);
      return { input, answer };
    },
    async close(): Promise<void> {
      await workers.shutdown();
      await running;
      await connection.close();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

let bundle: ReturnType<typeof bundlePosternWorkflows> | undefined;

async function put(blobs: Blobs, tenant: TenantId, bytes: string) {
  const writer = await blobs.create(tenant);
  await writer.write(Buffer.from(bytes));
  return writer.commit();
}

/** The port as it is, except where a failure waits for the step. */
function failing(real: MailReader, failures: ReadonlyMap<Step, Error[]>): MailReader {
  const step = <N extends Step>(name: N): MailReader[N] => {
    const call = (...args: unknown[]): Promise<unknown> => {
      const failure = failures.get(name)?.shift();
      return failure === undefined ? (real[name] as (...given: unknown[]) => Promise<unknown>)(...args) : Promise.reject(failure);
    };
    return call as MailReader[N];
  };
  const [inspect, authenticate, scan] = [step("inspect"), step("authenticate"), step("scan")];
  return { inspect, authenticate, scan, headline: step("headline"), view: step("view") };
}
