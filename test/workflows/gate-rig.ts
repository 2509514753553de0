import "../support/quiet.ts";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@temporalio/client";
import { NativeConnection } from "@temporalio/worker";
import { inject } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import type { MailPolicy } from "../../policies/schema.ts";
import { formatPolicy, policyDigest } from "../../policies/load.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { createGate, type Answer, type Gate, type GateDeps } from "../../src/gate.ts";
import { loadConfig } from "../../src/config.ts";
import { identityKey } from "../../src/grants/identity-key.ts";
import { createSealer } from "../../src/grants/seal.ts";
import { grantKey } from "../../src/grants/sign.ts";
import { createTickets } from "../../src/grants/ticket.ts";
import type { MailComposer } from "../../src/mail/composer.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import type { MailReader, StoredMessage } from "../../src/mail/reader.ts";
import { messageId } from "../../src/message-id.ts";
import type { TenantId } from "../../src/model/ids.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { createOutboundDeps } from "../../src/outbound.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { createComposerJobs } from "../../src/threads/composer/jobs.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { UNWATCHED } from "../../src/threads/turn.ts";
import { createTransport } from "../../src/transport.ts";
import { createPosternWorkers } from "../../src/worker.ts";
import { workflowBundle } from "../support/bundle.ts";
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

/** What a step of reading goes through before it is done. */
type Trouble = () => Promise<void>;

export interface RigMail {
  readonly bytes: string;
  readonly sender: string;
  readonly ip: string;
}

/** The gate and its workers over a real store and a real Temporal server, in which the reading of mail can be made to fail. */
export async function openGateRig(signers: readonly Signer[], options: { readonly maxCachedWorkflows?: number } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "postern-gate-"));
  const database = join(directory, "postern.db");
  const store = await createSqliteStore({ path: database });
  const blobs = createMemoryBlobs(Date.now);
  const troubles = new Map<string, Trouble[]>();
  const faults: { readonly activity: string; readonly code: string; readonly where: string }[] = [];
  let resolver = createZoneResolver(zoneOf(signers));
  const reader = createMailReader({ blobs, resolver: (...question) => resolver(...question), now: Date.now });
  const connection = await NativeConnection.connect({ address: inject("temporalAddress") });
  const client = new Client({ connection });
  const taskQueues = uniqueQueues();
  const onFault = (fault: (typeof faults)[number]) => void faults.push(fault);
  const freeBytes = () => Promise.resolve(Number.MAX_SAFE_INTEGER);
  const real = { freeBytes, store, blobs, uses: createUses(), clock: Date.now, random: randomBytes, loopCaps: LOOP_CAPS, onFault };
  const keys = keysFor();
  const deps = createOutboundDeps(
    { ...real, reader: troubled(reader, troubles) },
    { ...keys, composer: composerOver(blobs), transport: createTransport(undefined, real), config: loadConfig({}) },
  );
  const workers = await createPosternWorkers({
    ...{ connection, namespace: "default", taskQueues, ...options },
    bundle: await workflowBundle(),
    deps,
  });
  const running = workers.run();
  const newGate = (more: Partial<GateDeps> = {}): Gate =>
    createGate({
      client,
      store,
      taskQueues,
      tickets: keys.tickets,
      precedence: deps.precedence,
      eager: true,
      random: randomBytes,
      onFault: () => {},
      onUntold: () => {},
      ...more,
    });
  const gate = newGate();
  return {
    ...{ store, database, client, gate, newGate, taskQueues, faults, grants: keys.grants },
    /** The next calls of one step of reading reject with these, in this order. */
    failNext: (step: Step, ...errors: Error[]) => void troubles.set(step, errors.map(rejecting)),
    /** The same for the steps on one message. */
    failOn: ({ bytes }: RigMail, step: Step, ...errors: Error[]) => void troubles.set(`${step} ${digestOf(bytes)}`, errors.map(rejecting)),
    /** The next call of a step on one message waits until it is let go. */
    stall({ bytes }: RigMail, step: Step): Stalled {
      const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const trouble = (): Promise<void> => (reached.resolve(), released.promise);
      const key = `${step} ${digestOf(bytes)}`;
      troubles.set(key, [...(troubles.get(key) ?? []), trouble]);
      return { reached: reached.promise, release: released.resolve };
    },
    /** DNS as it was at the start, with these records instead of or beside them. */
    publish: (records: Readonly<Record<string, object>>) => void (resolver = createZoneResolver({ ...zoneOf(signers), ...records })),
    /** A mailbox under a policy, in a tenant of its own. */
    async mailbox(document: MailPolicy = ANYBODY): Promise<Place> {
      const place = await addTenant(store, newDomain());
      const policy = { document: formatPolicy(document), digest: policyDigest(document) };
      await store.run("policies.put", { ...place, ...policy, id: newId("pol"), at: Date.now(), actor: "postern" });
      return place;
    },
    /** Stores the bytes and asks the gate about them, as a door does. */
    async receive(at: Place, mail: RigMail, by: Gate = gate, deadlineMs = 20_000) {
      const ref = await put(blobs, at.tenant, mail.bytes);
      const envelope = { ip: mail.ip, helo: "client.example", sender: mail.sender, recipient: "assistant@acme.example" };
      const message = messageId({ ...at, digest: ref.digest, sender: mail.sender });
      const input: InboundInput = { ...at, ref, envelope, message, received_at: Date.now() };
      const answer: Answer = await by.receive(input, deadlineMs);
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

function keysFor() {
  const secret = randomBytes(32).toString("base64");
  const [sealer, tickets] = [createSealer(secret, randomBytes), createTickets(secret)];
  return { grants: grantKey(randomBytes(32), "postern"), sealer, tickets, identity: identityKey(Buffer.alloc(32, 7))! };
}

function composerOver(blobs: Blobs): MailComposer {
  const { compose, scanDraft, seal, preview } = createComposerJobs(blobs, UNWATCHED);
  return { compose, scan: scanDraft, seal, preview };
}

async function put(blobs: Blobs, tenant: TenantId, bytes: string) {
  const writer = await blobs.create(tenant);
  await writer.write(Buffer.from(bytes));
  return writer.commit();
}

export interface Stalled {
  readonly reached: Promise<void>;
  release(): void;
}

function rejecting(error: Error): Trouble {
  return () => Promise.reject(error);
}

function digestOf(bytes: string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The port as it is, except where trouble waits for the step. */
function troubled(real: MailReader, troubles: ReadonlyMap<string, Trouble[]>): MailReader {
  const step = <N extends Step>(name: N): MailReader[N] => {
    const call = async (message: StoredMessage, ...rest: unknown[]): Promise<unknown> => {
      const trouble = troubles.get(`${name} ${message.ref.digest}`)?.shift() ?? troubles.get(name)?.shift();
      await trouble?.();
      return (real[name] as (...given: unknown[]) => Promise<unknown>)(message, ...rest);
    };
    return call as MailReader[N];
  };
  const [inspect, authenticate, scan] = [step("inspect"), step("authenticate"), step("scan")];
  return { inspect, authenticate, scan, headline: step("headline"), thread: step("thread"), view: step("view") };
}
