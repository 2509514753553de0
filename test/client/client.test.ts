import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { PosternClient, PosternError, type Received } from "../../src/client.ts";
import { Instance } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";

const BOSS = makeSigner("acme.example", "192.0.2.1");

const POLICY = {
  defaultAction: "bounce",
  senders: [{ match: { domain: BOSS.domain, requireDkim: true }, capabilities: ["confirm_meeting", "mail.reply", "mail.raw"] }],
};

let instance: Instance;
let mailbox: string;
let admin: PosternClient;
let agent: PosternClient;
beforeAll(async () => {
  instance = await Instance.start({ signers: [BOSS] });
  mailbox = await instance.mailbox("client@agents.example", POLICY);
  admin = new PosternClient({ url: `${instance.running.http}/`, key: (await newKey(["oversight", "admin"])).key });
  agent = new PosternClient({ url: instance.running.http, key: (await newKey(["read", "send"])).key });
});
afterAll(() => instance.close());

function newKey(scopes: readonly string[]): Promise<{ key: string }> {
  return instance.http.send("POST", "/v1/keys", { name: "client", scopes, ...(scopes.includes("admin") ? {} : { mailboxes: [mailbox] }) });
}

async function deliver(subject: string): Promise<void> {
  const bytes = await sign(write({ from: `boss@${BOSS.domain}`, to: "client@agents.example", subject }), BOSS);
  const { code } = await instance.deliver({ sender: `boss@${BOSS.domain}`, recipient: "client@agents.example", ip: BOSS.ip, bytes });
  expect(code).toBe(250);
}

function refused(code: string): unknown {
  return expect.objectContaining({ name: "PosternError", code });
}

describe("MB-20 the typed client against the running service", () => {
  it("lists, reads, checks, reports, answers and sends", async () => {
    await deliver("Lunch?");
    expect((await agent.mailboxes()).items.map(({ id }) => id)).toEqual([mailbox]);
    expect(await admin.mailbox(mailbox)).toMatchObject({ id: mailbox, address: "client@agents.example" });
    const { id } = (await agent.list(mailbox, { limit: 1, outcome: "delivered" })).items[0]!;
    const mail = await agent.get(id);
    expect(mail).toMatchObject({ subject: "Lunch?", from: `boss@${BOSS.domain}`, capabilities: POLICY.senders[0]!.capabilities });
    expect(Buffer.from(await agent.raw(id)).toString()).toContain("Subject: Lunch?");
    expect(await agent.check(mail.grant!, "confirm_meeting")).toMatchObject({ allowed: true, message_id: id });
    await expect(agent.check(mail.grant!, "launch_rockets")).rejects.toEqual(refused("capability_denied"));
    expect(await agent.usage(id, 700)).toMatchObject({ tokens_consumed: 700 });
    const reply = await agent.reply(id, { markdown: "Yes." }, { idempotencyKey: "yes-1" });
    expect(await agent.reply(id, { markdown: "Yes." }, { idempotencyKey: "yes-1" })).toMatchObject({ id: (reply as { id: string }).id });
    await expect(agent.reply(id, { markdown: "No." }, { idempotencyKey: "yes-1" })).rejects.toEqual(refused("idempotency_conflict"));
    const dry = await agent.send(mailbox, { to: ["x@acme.example"], subject: "Hi", markdown: "Hi.", dry_run: true });
    expect(dry).toMatchObject({ status: "dry_run", would_send_to: ["x@acme.example"] });
  });

  it("shows what waits, decides about it, follows it, and explains", async () => {
    const draft = await agent.send(mailbox, { to: [`boss@${BOSS.domain}`], subject: "Friday", markdown: "At noon?" });
    const { id } = draft as { id: string };
    expect((await admin.pending({ mailbox_id: mailbox, direction: "outbound" })).items.map((each) => each.id)).toContain(id);
    expect(await admin.pendingDetail(id)).toMatchObject({ id, subject: "Friday" });
    await expect(agent.decide(id, { action: "approve" })).rejects.toBeInstanceOf(PosternError);
    expect(await admin.decide(id, { action: "approve" })).toMatchObject({ id, status: "approved" });
    await vi.waitFor(async () => expect(await agent.draft(id)).toMatchObject({ status: "sent" }), { timeout: 20_000, interval: 100 });
    const [sunk] = (await admin.sink(mailbox)).items;
    expect(Buffer.from(await admin.sunk(sunk!.id)).toString()).toContain("Subject: Friday");
    const [decision] = (await admin.decisions(mailbox, { limit: 1 })).items;
    expect(await admin.explain(decision!.id)).toMatchObject({ decision: { id: decision!.id } });
  });

  it("MH-19 brings mail, alone and in batches", async () => {
    const bridge = new PosternClient({ url: instance.running.http, key: (await newKey(["ingest"])).key });
    const parsed = { to: "client@agents.example", from: "stranger@elsewhere.example", subject: "Hello", text: "Hello." };
    expect(await bridge.ingest(parsed)).toMatchObject({ to: "client@agents.example", outcome: "rejected_at_policy" });
    const raw = {
      raw: Buffer.from(await sign(write({ from: `boss@${BOSS.domain}`, to: parsed.to, subject: "Raw" }), BOSS)).toString("base64"),
    };
    const { items } = await bridge.ingest({ items: [{ ...raw, envelope: { from: `boss@${BOSS.domain}`, to: parsed.to } }, parsed] });
    expect(items.map((item) => ("outcome" in item ? item.outcome : item.error.code))).toEqual(["delivered", "rejected_at_policy"]);
  });

  it.each(["wait", "stream"] as const)(
    "MH-05 X-18 %s: every delivered mail once, in order, from a cursor, until it is ended",
    async (how) => {
      const box = await instance.mailbox(`${how}@agents.example`, POLICY);
      const to = `${how}@agents.example`;
      const send = async (subject: string) => {
        const bytes = await sign(write({ from: `boss@${BOSS.domain}`, to, subject }), BOSS);
        expect((await instance.deliver({ sender: `boss@${BOSS.domain}`, recipient: to, ip: BOSS.ip, bytes })).code).toBe(250);
      };
      await send("one");
      const stop = new AbortController();
      const heard: Received[] = [];
      for await (const received of admin[how](box, { signal: stop.signal })) {
        heard.push(received);
        if (heard.length === 1) await send("two");
        if (heard.length === 2) stop.abort();
      }
      expect(heard.map(({ message }) => message.subject)).toEqual(["one", "two"]);
      const again = new AbortController();
      for await (const { message } of admin[how](box, { after: heard[0]!.cursor, signal: again.signal })) {
        expect(message.subject).toBe("two");
        again.abort();
      }
    },
  );

  it("errors carry code, fix and whether to try again; a stranger's mailbox is not found", async () => {
    await expect(agent.get("msg_00000000000000000000000000")).rejects.toEqual(refused("not_found"));
    for (const iteration of [agent.wait("mbx_0000000000000000"), agent.stream("mbx_0000000000000000")]) {
      await expect(iteration.next()).rejects.toEqual(refused("not_found"));
    }
    const nobody = new PosternClient({ url: instance.running.http, key: "pst_live_nobody" });
    await expect(nobody.mailboxes()).rejects.toEqual(refused("unauthorized"));
    const nowhere = new PosternClient({ url: "http://127.0.0.1:1", key: "pst_live_nobody" });
    await expect(nowhere.mailboxes()).rejects.toEqual(
      expect.objectContaining({ code: "unavailable", temporary: true, fix: expect.stringContaining("`url`") }),
    );
    const stop = new AbortController();
    const patient = nowhere.wait("mbx_0000000000000000", { signal: stop.signal }).next();
    stop.abort();
    expect(await patient).toEqual({ done: true, value: undefined });
  });
});
