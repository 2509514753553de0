import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { Instance } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";

interface Sent {
  readonly id: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

const elsewhere = makeSigner("elsewhere.example", "192.0.2.7");
let postern: Instance;
beforeAll(async () => {
  postern = await Instance.start({ signers: [elsewhere] });
});
afterAll(() => postern?.close());

const BOSS = { to: ["boss@elsewhere.example"], subject: "Friday", markdown: "Shall we meet on **Friday**?" };

async function agentOf(mailbox: string): Promise<Client> {
  const { key } = await postern.http.send<{ key: string }>("POST", "/v1/keys", {
    name: "agent",
    scopes: ["read", "send"],
    mailboxes: [mailbox],
  });
  return postern.as(key);
}

it("NY-14 a dry run says what would become of it, and leaves nothing behind", async () => {
  const mailbox = await postern.mailbox("dry@acme.example", {
    defaultAction: "bounce",
    senders: [],
    outbound: { block: ["enemy.example"] },
  });
  const agent = await agentOf(mailbox);
  const dry = (to: string) => agent.send<Sent>("POST", `/v1/mailboxes/${mailbox}/send`, { ...BOSS, to: [to], dry_run: true });
  expect(await dry("boss@elsewhere.example")).toMatchObject({
    status: "dry_run",
    would_send_to: ["boss@elsewhere.example"],
    decision: { outcome: "pending_send_approval", reason: "mode_gated_send", mode: "gated_send" },
  });
  expect(await dry("him@enemy.example")).toMatchObject({
    would_send_to: [],
    decision: { outcome: "blocked", reason: "block_list", refused: ["him@enemy.example"] },
  });
  expect(await agent.get(`/v1/mailboxes/${mailbox}/drafts`)).toMatchObject({ items: [] });
});

it("MB-13 without a relay what is sent is kept here, to be listed and read by people", async () => {
  const mailbox = await postern.mailbox("sandbox@acme.example", { defaultAction: "bounce", senders: [] });
  const agent = await agentOf(mailbox);
  const { mode_code } = await postern.http.send<{ mode_code: string }>("POST", `/v1/mailboxes/${mailbox}/mode-code`, {
    oversight_mode: "autonomous",
  });
  await postern.http.send("PATCH", `/v1/mailboxes/${mailbox}`, { oversight_mode: "autonomous", mode_code });
  const { id } = await agent.send<Sent>("POST", `/v1/mailboxes/${mailbox}/send`, { ...BOSS, bcc: ["auditor@elsewhere.example"] });
  const list = () => postern.http.get<{ items: Sent[] }>(`/v1/sink?mailbox_id=${mailbox}`);
  await expect.poll(async () => (await list()).items.length, { timeout: 20_000 }).toBe(1);
  const [kept] = (await list()).items;
  expect(kept).toMatchObject({ draft_id: id, recipients: ["auditor@elsewhere.example", "boss@elsewhere.example"] });
  const mail = await postern.http.get<{ subject: string; text: string; headers: { name: string }[] }>(`/v1/sink/${kept!.id}`);
  expect(mail).toMatchObject({ subject: "Friday", text: expect.stringContaining("Shall we meet") as string });
  expect(mail.headers.map(({ name }) => name)).toEqual(expect.arrayContaining(["DKIM-Signature", "From", "To", "Message-ID"]));
  expect(mail.headers.map(({ name }) => name.toLowerCase())).not.toContain("bcc");
  await expect(agent.get("/v1/sink")).rejects.toMatchObject({ code: "forbidden" });
});

it("MM-04 a draft of a gated mailbox waits for people", async () => {
  const mailbox = await postern.mailbox("gated@acme.example", { defaultAction: "bounce", senders: [] });
  const agent = await agentOf(mailbox);
  const sent = await agent.send<Sent>("POST", `/v1/mailboxes/${mailbox}/send`, BOSS);
  expect(sent).toMatchObject({ status: "pending_send_approval", to: ["boss@elsewhere.example"], revision: 1 });
});

describe("a reply", () => {
  async function answerable(local: string, capabilities: readonly string[]) {
    const senders = [{ match: { domain: "elsewhere.example" }, capabilities }];
    const mailbox = await postern.mailbox(`${local}@acme.example`, { defaultAction: "bounce", senders });
    const agent = await agentOf(mailbox);
    const [from, to] = ["boss@elsewhere.example", `${local}@acme.example`];
    const bytes = await sign(write({ from, to, subject: "Lunch?" }), elsewhere);
    await postern.deliver({ sender: from, recipient: to, ip: elsewhere.ip, bytes });
    const { message } = await agent.get<{ message: { id: string; thread_id: string } }>(`/v1/mailboxes/${mailbox}/wait`, { timeout_s: 30 });
    return { agent, message };
  }

  it("MB-15 goes to the proven sender, in the thread of what it answers", async () => {
    const { agent, message } = await answerable("reply", ["mail.reply"]);
    const draft = await agent.send<Sent>("POST", `/v1/messages/${message.id}/reply`, { markdown: "At noon." });
    expect(draft).toMatchObject({
      status: "pending_send_approval",
      to: ["boss@elsewhere.example"],
      subject: "Re: Lunch?",
      thread_id: message.thread_id,
      in_reply_to: message.id,
    });
  });

  it("MB-06 is refused where the rule names other things that may be done with mail", async () => {
    const { agent, message } = await answerable("mute", ["mail.raw"]);
    await expect(agent.send("POST", `/v1/messages/${message.id}/reply`, { markdown: "At noon." })).rejects.toMatchObject({
      code: "capability_denied",
    });
  });

  it("MB-06 to anybody but its sender it is a mail of its own, whatever it is called", async () => {
    const { agent, message } = await answerable("narrow", ["mail.reply"]);
    const reply = (to: object) => agent.send<Sent>("POST", `/v1/messages/${message.id}/reply`, { markdown: "At noon.", ...to });
    const stranger = "Stranger <stranger@third.example>";
    for (const others of [
      { to: [stranger] },
      { cc: [stranger] },
      { bcc: [stranger] },
      { to: ["boss@elsewhere.example", stranger], dry_run: true },
    ]) {
      await expect(reply(others)).rejects.toMatchObject({
        code: "capability_denied",
        message: expect.stringContaining("mail.send") as string,
      });
    }
    expect(await reply({ to: ["The Boss <BOSS@Elsewhere.example>"], cc: ["boss@elsewhere.example"] })).toMatchObject({
      status: "pending_send_approval",
    });
  });

  it("MB-06 a rule that says so lets it go to others, and one that names no `mail.*` leaves that to the outbound policy", async () => {
    for (const [local, capabilities] of [
      ["wide", ["mail.reply", "mail.send"]],
      ["silent", ["read_calendar"]],
    ] as const) {
      const { agent, message } = await answerable(local, capabilities);
      const to = ["stranger@third.example"];
      expect(await agent.send("POST", `/v1/messages/${message.id}/reply`, { markdown: "At noon.", to })).toMatchObject({ to });
    }
  });
});
