import "../support/quiet.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { Client, Connection } from "@temporalio/client";
import { expect, inject, it, vi } from "vitest";
import { handOver } from "../../src/cli/smtp.ts";
import { Instance, uniqueQueues } from "../support/instance.ts";
import { sign, write } from "../support/signer.ts";
import { Agent } from "./agent.ts";
import { startGateway } from "./gateway.ts";
import { ADDRESS, boss, BOSS, OPEN_POLICY } from "./mail.ts";

const ANSWER_MS = 1_000;

async function workflowsOn(taskQueue: string): Promise<number> {
  const connection = await Connection.connect({ address: inject("temporalAddress") });
  try {
    return (await new Client({ connection }).workflow.count(`TaskQueue = "${taskQueue}"`)).count;
  } finally {
    await connection.close();
  }
}

it(
  "without workers the sender is told 451 at the deadline; once they are back the agent gets the message once, and the retry reads the decision",
  { timeout: 60_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "postern-test-"));
    const start = { dataDir, signers: [boss], serve: { taskQueues: uniqueQueues() } };
    try {
      // On queues of its own, where nobody's poll can take the task away.
      const first = await Instance.start({ ...start, serve: { taskQueues: uniqueQueues() } });
      const mailbox = await first.mailbox(ADDRESS.first, OPEN_POLICY);
      await first.close();
      const bytes = Buffer.from(await sign(write({ from: BOSS, to: ADDRESS.first }), boss));
      const mail = { sender: BOSS, recipient: ADDRESS.first, ip: boss.ip, helo: "client.example", bytes };

      const gateway = await startGateway({ ...start.serve, dataDir, temporal: inject("temporalAddress"), answerMs: ANSWER_MS });
      const from = performance.now();
      const because = (): string => inspect(gateway.faults, { depth: 4 });
      const refused = await handOver(gateway.smtp, mail);
      expect(refused, because()).toMatchObject({ code: 451, enhanced: "4.7.1" });
      const ms = performance.now() - from;
      expect(ms, because()).toBeGreaterThan(ANSWER_MS);
      expect(ms, because()).toBeLessThan(10 * ANSWER_MS);
      // On a busy machine the server may not hear of the judgement in time; the sender comes again, as senders do.
      const begun = async (): Promise<number> => {
        const count = await workflowsOn(start.serve.taskQueues.inbound);
        if (count === 0) expect(await handOver(gateway.smtp, mail)).toMatchObject({ code: 451 });
        return count;
      };
      await vi.waitFor(async () => expect(await begun(), because()).toBe(1), { timeout: 30_000 });
      await gateway.close();

      const second = await Instance.start(start);
      const agent = new Agent(second.http, mailbox);
      // Nobody has come again yet: the judgement went on by itself.
      await expect.poll(() => agent.pull(), { timeout: 20_000 }).toHaveLength(1);
      const told = await second.deliver(mail);
      expect(told.code).toBe(250);
      expect(told.text).toContain(agent.seen[0]);
      expect(await agent.pull(), "nothing new").toHaveLength(1);
      const { items } = await second.http.get<{ items: unknown[] }>(`/v1/mailboxes/${mailbox}/decisions`);
      expect(items).toHaveLength(1);
      await second.close();
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
);
