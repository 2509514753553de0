import { setTimeout as pause } from "node:timers/promises";
import { simpleParser } from "mailparser";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import { CUT } from "../support/smtp-peer.ts";
import { codeOf, LOOK_MS, OutboundWorld } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open({ serve: { retryMs: 50 } });
});
afterAll(() => world?.close());
beforeEach(() => {
  world.peer.taken.length = 0;
  world.peer.script = () => undefined;
});

describe("a next hop in trouble", () => {
  it("4xx is tried again, only for whom it was said of", async () => {
    const mailbox = await world.mailbox("autonomous");
    let greylisted = 0;
    world.peer.script = (step, argument) =>
      step === "rcpt" && argument.includes("slow@") && (greylisted += 1) < 3 ? "451 4.7.1 come again" : undefined;
    const sent = await world.send(mailbox, { to: ["boss@elsewhere.example", "slow@elsewhere.example"] });
    expect(await world.ended(sent)).toEqual({ state: "sent" });
    expect(world.peer.taken.map(({ recipients }) => recipients)).toEqual([["boss@elsewhere.example"], ["slow@elsewhere.example"]]);
  });

  it("a connection that is cut before DATA is tried again", async () => {
    const mailbox = await world.mailbox("autonomous");
    let cuts = 0;
    world.peer.script = (step) => (step === "mail" && (cuts += 1) < 3 ? CUT : undefined);
    expect(await world.ended(await world.send(mailbox))).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
  });

  it("one that is cut after the final dot leaves it unknown: nothing is sent again until a person says so", async () => {
    const mailbox = await world.mailbox("autonomous");
    world.peer.script = (step) => (step === "dot" ? CUT : undefined);
    const sent = await world.send(mailbox);
    expect(await world.until(mailbox, sent, "unknown")).toMatchObject({ deliveries: [expect.objectContaining({ state: "unknown" })] });
    expect(world.peer.taken).toHaveLength(1);
    world.peer.script = () => undefined;
    const overseer = await world.person(["oversight"]);
    await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${sent.id}`, { action: "resend", reason: "they never got it" });
    expect(await world.ended(sent)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(2);
  });
});

it("X-06 an agent that takes back in a loop what may have arrived fills neither the log nor the history that people need", async () => {
  const mailbox = await world.mailbox("autonomous");
  world.peer.script = (step) => (step === "dot" ? CUT : undefined);
  const sent = await world.send(mailbox);
  await world.until(mailbox, sent, "unknown");
  world.peer.script = () => undefined;
  const takeBack = () => world.request("DELETE", `/v1/drafts/${sent.id}`, undefined, mailbox.agent.key);
  const answers = await Promise.all(Array.from({ length: 130 }, takeBack));
  expect([...new Set(answers.map(({ status }) => status))].toSorted((one, other) => one - other)).toEqual([409, 429]);
  const overseer = await world.person(["oversight"]);
  await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${sent.id}`, { action: "settle", reason: "they have it" });
  expect(await world.ended(sent)).toEqual({ state: "sent" });
  const { events } = await world.temporal.workflow.getHandle(outboundWorkflowId(sent.id)).fetchHistory();
  expect(events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toHaveLength(1);
});

describe("X-20 scheduled", () => {
  it("leaves at its time, and is judged again then", async () => {
    const mailbox = await world.mailbox("autonomous");
    const sent = await world.send(mailbox, { send_at: new Date(Date.now() + 1_500).toISOString() });
    const revoked = await world.send(mailbox, { send_at: new Date(Date.now() + 1_500).toISOString() });
    expect(world.peer.taken).toEqual([]);
    expect(await world.ended(sent)).toEqual({ state: "sent" });
    expect(await world.ended(revoked)).toEqual({ state: "sent" });
    const late = await world.send(mailbox, { send_at: new Date(Date.now() + 1_500).toISOString() });
    await world.patch(mailbox.id, { oversight_mode: "gated_send" });
    expect(await world.until(mailbox, late, "pending_send_approval")).toMatchObject({ mode: "gated_send" });
  });

  it("can be cancelled until then", async () => {
    const mailbox = await world.mailbox("autonomous");
    const sent = await world.send(mailbox, { send_at: new Date(Date.now() + 3_600_000).toISOString() });
    const cancelled = await world.request("DELETE", `/v1/drafts/${sent.id}`, undefined, mailbox.agent.key);
    expect(await cancelled.json()).toMatchObject({ status: "cancelled" });
    expect(await world.ended(sent)).toEqual({ state: "cancelled" });
    expect(world.peer.taken).toEqual([]);
  });
});

it("X-27 the kill switch stops what may go and has not left, and lets it go again", async () => {
  const mailbox = await world.mailbox("autonomous");
  const sent = await world.send(mailbox, { send_at: new Date(Date.now() + 1_000).toISOString() });
  await world.postern.http.send("POST", `/v1/mailboxes/${mailbox.id}/stop`, {});
  expect(await codeOf(world.send(mailbox))).toBe("blocked");
  for (;;) {
    const { reason } = await world.draft(mailbox, sent);
    if (reason === "stopped_mailbox") break;
  }
  expect(world.peer.taken).toEqual([]);
  await world.postern.http.send("POST", `/v1/mailboxes/${mailbox.id}/start`, {});
  expect(await world.ended(sent)).toEqual({ state: "sent" });
});

it("MM-05 the oversight address gets a copy of its own, which the recipients do not see", async () => {
  const mailbox = await world.mailbox("monitored");
  const sent = await world.send(mailbox, { bcc: ["secret@elsewhere.example"] });
  expect(await world.ended(sent)).toEqual({ state: "sent" });
  while (world.peer.taken.length < 2) await pause(LOOK_MS);
  const [first, copy] = world.peer.taken;
  expect(first!.recipients).not.toContain("overseer@acme-people.example");
  expect(copy!.recipients).toEqual(["overseer@acme-people.example"]);
  const mail = await simpleParser(copy!.content);
  expect(mail.subject).toBe("Copy: Friday at noon");
  expect(mail.text).toContain("secret@elsewhere.example");
  expect(mail.attachments[0]?.contentType).toBe("message/rfc822");
  expect(mail.text).toContain("without asking anybody");
  const listed = async (by: { get: Client["get"] }, what: string) =>
    (await by.get<{ items: readonly { id: string }[] }>(`/v1/mailboxes/${mailbox.id}/${what}`)).items.map(({ id }) => id);
  // The agent does not learn who looks over its shoulder.
  expect(await listed(mailbox.agent, "drafts")).toEqual([sent.id]);
  expect(await listed(mailbox.agent, "messages?direction=outbound")).toEqual([sent.message_id]);
  const [other] = (await listed(world.postern.http, "drafts")).filter((id) => id !== sent.id);
  for (const path of [`/v1/drafts/${other}`, `/v1/messages/msg_${other!.slice(4)}`])
    await expect(mailbox.agent.get(path)).rejects.toMatchObject({ code: "not_found" });
  expect((await world.request("DELETE", `/v1/drafts/${other}`, undefined, mailbox.agent.key)).status).toBe(404);
});

it("MM-05 a copy says how many people approved what was sent", async () => {
  const mailbox = await world.mailbox("monitored", { firstContact: "approve", approvals: { quorum: 2 } });
  const waiting = await world.send(mailbox);
  for (const { key } of [await world.person(["oversight"]), await world.person(["oversight"])])
    await world.request("POST", `/v1/mailboxes/${mailbox.id}/decide/${waiting.id}`, { action: "approve" }, key);
  expect(await world.ended(waiting)).toEqual({ state: "sent" });
  while (world.peer.taken.length < 2) await pause(LOOK_MS);
  expect((await simpleParser(world.peer.taken[1]!.content)).text).toContain("after 2 people approved it");
});
