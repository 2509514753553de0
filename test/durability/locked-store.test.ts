import "../support/quiet.ts";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { Instance } from "../support/instance.ts";
import { sign, write } from "../support/signer.ts";
import { readAll } from "./agent.ts";
import { ADDRESS, boss, BOSS, OPEN_POLICY } from "./mail.ts";

// Temporal has much to say about activities that fail.

const instances: Instance[] = [];
afterEach(async () => {
  for (const instance of instances.splice(0)) await instance.close();
});

async function start(): Promise<{ instance: Instance; mailbox: string }> {
  const instance = await Instance.start({ signers: [boss], env: { POSTERN_LIMIT_ANSWER_SECONDS: "2" } });
  instances.push(instance);
  return { instance, mailbox: await instance.mailbox(ADDRESS.first, OPEN_POLICY) };
}

/** As a backup with another tool might, for too long. */
function lock({ dataDir }: Instance): { release(): void } {
  const connection = new DatabaseSync(join(dataDir, "postern.db"), { timeout: 5_000 });
  connection.exec("begin immediate");
  return {
    release: () => {
      if (connection.isOpen) connection.close();
    },
  };
}

async function letter() {
  const bytes = await sign(write({ from: BOSS, to: ADDRESS.first }), boss);
  return { sender: BOSS, recipient: ADDRESS.first, ip: boss.ip, bytes };
}

async function readiness({ running }: Instance): Promise<unknown> {
  return (await fetch(`${running.http}/readyz`)).json();
}

describe("a database that somebody else has locked", () => {
  it("is a 451 and not ready; once it is free the retry is accepted and the agent gets the message once", { timeout: 60_000 }, async () => {
    const { instance, mailbox } = await start();
    const mail = await letter();
    const held = lock(instance);
    try {
      expect(await instance.deliver(mail)).toMatchObject({ step: "message", code: 451 });
      expect(await readiness(instance)).toMatchObject({ status: "not_ready", checks: { store: "unreachable", temporal: "ok" } });
      expect(await readAll(instance.http, mailbox)).toEqual([]);
    } finally {
      held.release();
    }
    await expect.poll(() => instance.deliver(mail), { timeout: 15_000 }).toMatchObject({ code: 250 });
    expect(await readAll(instance.http, mailbox)).toHaveLength(1);
    await expect.poll(() => readiness(instance), { timeout: 10_000 }).toMatchObject({ status: "ready" });
  });

  it("does not keep close from ending within 10 s, and nothing keeps the directory once it is free", { timeout: 60_000 }, async () => {
    const { instance } = await start();
    const held = lock(instance);
    try {
      const waiting = instance.deliver(await letter());
      await expect.poll(() => instance.logs.some((line) => line.includes("a step of a judgement failed")), { timeout: 30_000 }).toBe(true);
      const from = performance.now();
      await instance.running.close();
      expect(performance.now() - from).toBeLessThan(10_000);
      expect((await waiting).code).toBe(451);
    } finally {
      held.release();
    }
    const next = () => createSqliteStore({ path: join(instance.dataDir, "postern.db") });
    await expect.poll(() => next().then((store) => store.close()), { timeout: 30_000 }).toBeUndefined();
  });
});
