import "../support/quiet.ts";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@temporalio/client";
import type { VersioningBehavior } from "@temporalio/common";
import { NativeConnection, Worker } from "@temporalio/worker";
import { pino } from "pino";
import { inject, vi } from "vitest";
import { createClient } from "../../src/cli/client.ts";
import { handOver } from "../../src/cli/smtp.ts";
import { loadConfig } from "../../src/config.ts";
import type { HoldId } from "../../src/model/hold.ts";
import { holdWorkflowOf } from "../../src/model/hold-workflow.ts";
import type { MessageId } from "../../src/model/ids.ts";
import { begin } from "../../src/plugin-instance.ts";
import { LETTER, type Draft } from "../outbound/world.ts";
import { workflowBundle } from "../support/bundle.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { SmtpPeer } from "../support/smtp-peer.ts";

/** Milliseconds, on a machine that is busy. */
const PATIENCE = { timeout: 25_000, interval: 100 };
const ANY_PORT = { host: "127.0.0.1", port: 0 };
const NAMESPACE = "default";
const MAILBOX = { address_local_part: "agent", domain: "acme.example", agent_id: "assistant" };
const STRANGER = "eve@strange.example";

/**
 * Doors that stay, on a team's queue, and workers that come and go: builds of the team's one deployment. Disposing of it
 * stops those that run.
 */
export async function openVersionsRig(defaultVersioningBehavior: VersioningBehavior) {
  const address = inject("temporalAddress");
  const name = `team-${randomBytes(6).toString("hex")}`;
  const dataDir = await mkdtemp(join(tmpdir(), "postern-versions-"));
  const peer = await SmtpPeer.start();
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace: NAMESPACE });
  const env = { POSTERN_DATA: dataDir, POSTERN_ADMIN_KEY: ADMIN_KEY, POSTERN_RELAY: `smtp://127.0.0.1:${peer.port}` };
  const instance = await begin(
    { ...loadConfig(env), smtp: ANY_PORT, http: ANY_PORT },
    {
      ...{ client, taskQueues: { inbound: name, main: name }, temporal: { address, namespace: NAMESPACE } },
      ...{ doors: true, slots: 20, log: pino({ level: "silent" }) },
    },
  );
  const { http, smtp } = instance.beside.doors!;
  const as = (key: string) => createClient({ url: http, key: async () => key, fetch });
  const admin = as(ADMIN_KEY);
  const { id: mailbox } = await admin.send<{ id: string }>("POST", "/v1/mailboxes", MAILBOX);
  await admin.send("PUT", `/v1/mailboxes/${mailbox}/policy`, { defaultAction: "hold", senders: [], outbound: {} });
  const { key } = await admin.send<{ key: string }>("POST", "/v1/keys", { name: "agent", scopes: ["send"], mailboxes: [mailbox] });
  const workflow = (hold: HoldId) => client.workflow.getHandle(holdWorkflowOf(hold));
  const running = new Map<string, () => Promise<void>>();
  return {
    peer,
    /** A worker of this build begins. */
    async start(buildId: string): Promise<void> {
      const worker = await Worker.create({
        ...{ connection, namespace: NAMESPACE, taskQueue: name, activities: instance.activities },
        workflowBundle: await workflowBundle(),
        workerDeploymentOptions: { useWorkerVersioning: true, version: { deploymentName: name, buildId }, defaultVersioningBehavior },
      });
      const ended = worker.run();
      running.set(buildId, () => (worker.shutdown(), ended));
    },
    /** It is gone. */
    async stop(buildId: string): Promise<void> {
      await running.get(buildId)!();
      running.delete(buildId);
    },
    /** `temporal worker deployment set-current-version`, once the server has heard of the build. */
    current(buildId: string): Promise<unknown> {
      const version = { namespace: NAMESPACE, deploymentName: name, buildId };
      return vi.waitFor(() => client.workflowService.setWorkerDeploymentCurrentVersion(version), PATIENCE);
    },
    /** The build that its workflow is in, once it is in one. */
    buildOf(hold: HoldId): Promise<string> {
      return vi.waitFor(async () => {
        const { raw } = await workflow(hold).describe();
        const build = raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
        if (!build) throw new Error("in none yet");
        return build;
      }, PATIENCE);
    },
    /** `temporal workflow update-options --versioning-override-behavior auto_upgrade` */
    letGoOn(hold: HoldId): Promise<unknown> {
      return client.workflowService.updateWorkflowExecutionOptions({
        namespace: NAMESPACE,
        workflowExecution: { workflowId: holdWorkflowOf(hold) },
        workflowExecutionOptions: { versioningOverride: { autoUpgrade: true } },
        updateMask: { paths: ["versioning_override"] },
      });
    },
    /** A draft that waits for people. */
    send: () => as(key).send<Draft>("POST", `/v1/mailboxes/${mailbox}/send`, LETTER),
    approve: ({ id }: Draft) => admin.send<{ status: string }>("POST", `/v1/mailboxes/${mailbox}/decide/${id}`, { action: "approve" }),
    statusOf: async ({ id }: Draft) => (await admin.get<{ status: string }>(`/v1/pending/${id}`)).status,
    /** Mail that waits for people. */
    async held(): Promise<MessageId> {
      const recipient = `${MAILBOX.address_local_part}@${MAILBOX.domain}`;
      const bytes = Buffer.from(
        `From: ${STRANGER}\r\nTo: ${recipient}\r\nSubject: hello\r\nMessage-ID: <${name}@strange.example>\r\n\r\nhello\r\n`,
      );
      await handOver(smtp, { helo: "client.example", sender: STRANGER, recipient, bytes, ip: undefined });
      const { items } = await admin.get<{ items: readonly { id: MessageId }[] }>(`/v1/pending?mailbox_id=${mailbox}&direction=inbound`);
      return items[0]!.id;
    },
    release: (message: MessageId) => admin.send("POST", `/v1/messages/${message}/release`, { note: "checked" }),
    /** What its workflow ended with. */
    ended: (hold: HoldId): Promise<unknown> => workflow(hold).result(),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([...running.values()].map((stop) => stop()));
      await instance.beside.close();
      await connection.close();
      await peer.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
