import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { startTemporal, type TemporalServer } from "../../src/dev/temporal.ts";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import { WAKE_SIGNAL } from "../../src/model/names.ts";
import { OutboundWorld, type Draft } from "./world.ts";

const executable = inject("temporalExecutable");

/** Events after which a run is long: more than its first task has, fewer than are there when it ends. */
const LONG = 5;

let folder: string;
let server: TemporalServer;
let world: OutboundWorld;
let connection: Connection;
let client: Client;

describe.skipIf(executable === null)("a run that has grown long (skipped where the server is not ours to configure)", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "postern-long-"));
    const impatient = join(folder, "temporal");
    const limit = `--dynamic-config-value limit.historyCount.suggestContinueAsNew=${LONG}`;
    await writeFile(impatient, `#!/bin/sh\nexec '${executable}' "$@" ${limit}\n`, { mode: 0o755 });
    server = await startTemporal({ executable: impatient });
    world = await OutboundWorld.open({ serve: { temporal: { connection: { address: server.address }, namespace: "default" } } });
    connection = await Connection.connect({ address: server.address });
    client = new Client({ connection });
  });
  afterAll(async () => {
    await connection?.close();
    await world?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The workflow's runs so far: each but the first began where another went on. */
  async function runsOf({ id }: Draft): Promise<readonly string[]> {
    const runs: string[] = [];
    for (let run: string | undefined = (await handleOf({ id }).describe()).runId; run !== undefined && run !== "";) {
      runs.unshift(run);
      const { events } = await client.workflow.getHandle(outboundWorkflowId(id), run).fetchHistory();
      run = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? undefined;
    }
    return runs;
  }

  function handleOf({ id }: Pick<Draft, "id">) {
    return client.workflow.getHandle(outboundWorkflowId(id));
  }

  it("X-06 goes on in another, whose input has its ticket still: people decide there, and it leaves", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox);
    await handleOf(draft).signal(WAKE_SIGNAL);
    await vi.waitUntil(async () => (await runsOf(draft)).length === 2, { timeout: 20_000, interval: 50 });
    const ann = await world.person(["oversight"]);
    await ann.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "approve" });
    expect(await handleOf(draft).result()).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
  });

  it("X-20 one that was taken back long before its time looks at the record at once, in another run", async () => {
    const mailbox = await world.mailbox("autonomous");
    const before = world.peer.taken.length;
    const draft = await world.send(mailbox, { send_at: new Date(Date.now() + 3_600_000).toISOString() });
    const { status } = await mailbox.agent.send<{ status: string }>("DELETE", `/v1/drafts/${draft.id}`, null);
    expect(status).toBe("cancelled");
    expect(await handleOf(draft).result()).toEqual({ state: "cancelled" });
    expect((await runsOf(draft)).length).toBe(2);
    expect(world.peer.taken).toHaveLength(before);
  });

  it("X-20 one that nobody took back leaves at its time, not before, however often it was woken", async () => {
    const mailbox = await world.mailbox("autonomous");
    const at = Date.now() + 8_000;
    const draft = await world.send(mailbox, { send_at: new Date(at).toISOString() });
    const wokenOften = async (): Promise<boolean> => {
      await handleOf(draft).signal(WAKE_SIGNAL);
      return (await runsOf(draft)).length >= 3;
    };
    await vi.waitUntil(wokenOften, { timeout: 7_000, interval: 50 });
    expect(await handleOf(draft).result()).toEqual({ state: "sent" });
    expect(Date.now()).toBeGreaterThanOrEqual(at);
  });
});
