import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { NO_POLICY } from "../../policies/stored.ts";
import { send, type Pulse, type SendDeps, type SendJudgement, type SendResult } from "../../activities/send.ts";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import { createUses } from "../../src/blobs/uses.ts";
import type { Seal } from "../../src/mail/composer.ts";
import type { OutboundInput, RevisionRef } from "../../src/model/outbound.ts";
import type { Store, Trace } from "../../src/store/contract.ts";
import type { SendLook } from "../../src/store/contract-outbound.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { createTransport } from "../../src/transport.ts";
import { createSmtpTransport } from "../../src/transports/smtp.ts";
import type { Transport } from "../../src/transports/transport.ts";

/** Store and blobs of one instance. One process at a time may have them open. */
export interface Site {
  readonly store: Store;
  readonly blobs: Blobs;
}

export async function openSite(directory: string): Promise<Site & { close(): Promise<void> }> {
  await mkdir(directory, { recursive: true });
  const blobs = await createFileBlobs(join(directory, "blobs"), Date.now);
  const store = await createSqliteStore({ path: join(directory, "postern.db") });
  const close = async (): Promise<void> => {
    await store.close();
    await blobs.close();
  };
  return { store, blobs, close };
}

/** What the activity is asked to do; plain, so that another process can be asked the same. */
export interface Order {
  readonly input: OutboundInput;
  readonly revision: RevisionRef;
}

export const TRACE: Trace = { workflow_id: "out-x", run_id: "run-x", activity_id: "4" };

export const AUTONOMOUS: SendJudgement = { outcome: "queued", mode: "autonomous", caps: { perHour: 50, perDay: 500 }, policy: NO_POLICY };

/** Null: the sandbox. */
export function transportTo(port: number | null, { store, blobs }: Site): Transport {
  if (port === null) return createTransport(undefined, { store, blobs, uses: createUses(), clock: Date.now });
  const relay = { host: "127.0.0.1", port, security: "none", auth: null } as const;
  return createSmtpTransport({ relay, name: "gate.example" });
}

/** Signs nothing: a date in front is all the seal there is. */
function datedBy(blobs: Blobs): SendDeps["composer"] {
  return {
    async seal({ tenant, ref }, { at, reviewed }) {
      const mime = (await blobs.get(tenant, ref.digest))!;
      return Buffer.concat([Buffer.from(`Date: ${new Date(at).toUTCString()}\r\nReviewed: ${reviewed}\r\n`), mime]);
    },
  };
}

const NO_KEYS = {
  dkim: { domain: "gate.example", selector: "s", private_key: "" },
  identity: {
    ...{ private_key: "", kid: "", operator: "acme", oversight: "autonomous" as const },
    ...{ capabilities: [], verified_operator: false, service: "postern" },
  },
} satisfies Pick<Seal, "dkim" | "identity">;

export function depsOf({ store, blobs }: Site, transport: Transport, changes: Partial<SendDeps> = {}): SendDeps {
  return {
    ...{ store, blobs, transport, clock: Date.now, random: randomBytes },
    composer: datedBy(blobs),
    judge: async () => AUTONOMOUS,
    signers: async () => NO_KEYS,
    onFault: () => undefined,
    ...changes,
  };
}

/** Of the version the draft is at. */
export async function sendOnce(deps: SendDeps, { input }: Pick<Order, "input">, pulse: Partial<Pulse> = {}): Promise<SendResult> {
  const look = await deps.store.run("sends.look", { tenant: input.tenant, draft: input.draft, at: deps.clock() });
  return sendVersion(deps, input, look!, pulse);
}

/** As it was when it was looked at. */
export function sendVersion(deps: SendDeps, input: OutboundInput, look: SendLook, pulse: Partial<Pulse> = {}): Promise<SendResult> {
  return send(deps, input, look, { heartbeat: () => undefined, signal: new AbortController().signal, ...pulse }, TRACE);
}
