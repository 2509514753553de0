import "../support/quiet.ts";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { DraftId } from "../../src/model/ids.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { Book } from "../outbound/book.ts";
import { Instance } from "../support/instance.ts";
import { sign, write } from "../support/signer.ts";
import { SmtpPeer } from "../support/smtp-peer.ts";
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

/** A draft before two people, and its next hop. */
async function waitingDraft(approvals: object) {
  const peer = await SmtpPeer.start();
  onTestFinished(() => peer.close());
  const instance = await Instance.start({ env: { POSTERN_RELAY: `smtp://127.0.0.1:${peer.port}` } });
  instances.push(instance);
  const mailbox = await instance.mailbox(ADDRESS.first, { defaultAction: "bounce", senders: [], outbound: { approvals } });
  const key = async (...scopes: string[]) => (await instance.http.send<{ key: string }>("POST", "/v1/keys", { name: "k", scopes })).key;
  const mail = { to: ["boss@elsewhere.example"], subject: "Friday", markdown: "Friday?" };
  const draft = await instance.as(await key("send")).send<{ id: DraftId }>("POST", `/v1/mailboxes/${mailbox}/send`, mail);
  return { instance, peer, draft, ann: await key("oversight"), ben: await key("oversight") };
}

/** The status of one person's word on a draft. */
async function approve(
  { running }: Instance,
  draft: string,
  key: string,
  more: object = {},
): Promise<{ readonly status: number; readonly code: string }> {
  const response = await fetch(`${running.http}/v1/oversight/decide`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ email_id: draft, action: "approve", ...more }),
  });
  const { code = "" } = (await response.json()) as { code?: string };
  return { status: response.status, code };
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

  it(
    "X-06 is a 503 to who approves a draft meanwhile; said again it counts once, and the mail leaves once",
    { timeout: 120_000 },
    async () => {
      const { instance, peer, draft, ann, ben } = await waitingDraft({ quorum: 2 });
      const held = lock(instance);
      try {
        expect(await Promise.all([approve(instance, draft.id, ann), approve(instance, draft.id, ann, { reason: "it is fine" })])).toEqual([
          { status: 503, code: "unavailable" },
          { status: 503, code: "unavailable" },
        ]);
      } finally {
        held.release();
      }
      const once = (): Promise<{ status: number }> => approve(instance, draft.id, ann);
      await expect.poll(async () => (await once()).status, { timeout: 30_000 }).toBeOneOf([200, 409]);
      expect((await once()).status, "one person is one").toBe(409);
      expect(peer.taken).toEqual([]);
      expect(await approve(instance, draft.id, ben)).toMatchObject({ status: 200 });
      await expect.poll(() => peer.taken.length, { timeout: 10_000 }).toBe(1);
      const book = new Book(instance.dataDir);
      await expect.poll(() => book.state(draft.id), { timeout: 10_000 }).toBe("sent");
      expect(book.entries(draft.id).filter(({ action }) => action === "email.approved")).toHaveLength(2);
      expect(peer.taken).toHaveLength(1);
    },
  );

  it(
    "X-06 locked after the next hop has taken the mail: what it said is kept until it can be written, and nothing is sent again",
    { timeout: 120_000 },
    async () => {
      const { instance, peer, draft, ann } = await waitingDraft({});
      let held: ReturnType<typeof lock> | undefined;
      onTestFinished(() => held?.release());
      peer.script = (step) => {
        if (step === "dot") held ??= lock(instance);
        return undefined;
      };
      expect(await approve(instance, draft.id, ann)).toMatchObject({ status: 200 });
      await expect.poll(() => peer.taken.length, { timeout: 20_000 }).toBe(1);
      const book = new Book(instance.dataDir);
      await expect
        .poll(async () => (await readiness(instance)) as { status: string }, { timeout: 20_000 })
        .toMatchObject({ status: "not_ready" });
      expect(book.state(draft.id)).toBe("sending");
      held?.release();
      await expect.poll(() => book.state(draft.id), { timeout: 60_000 }).toBe("sent");
      expect(peer.taken).toHaveLength(1);
      expect(book.claims(draft.id)).toHaveLength(1);
    },
  );

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
