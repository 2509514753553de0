import { WorkflowFailedError } from "@temporalio/client";
import { ActivityFailure, type ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { api } from "../../src/client.ts";
import { PosternPlugin } from "../../src/index.ts";
import { MAIL_SIGNAL } from "../../src/model/names.ts";
import { replay } from "../../src/testing.ts";
import { BOSS, BOT, PARTNER, Team, teamBundle } from "./team.ts";

const MAPPED = {
  capabilities: { confirm_meeting: ["bookMeeting", "create_event"], ingest_conflict_notice: ["note_conflict"] },
  toolOf: { callTool: (tool: string) => tool },
};

let team: Team;
beforeAll(async () => {
  team = await Team.start({ plugin: MAPPED });
});
afterAll(() => team.close());

const SENDING = { sends: true, mode: "autonomous" } as const;
const DENIED = "capability_denied";

/** The workflow code takes the recorded path again, from its first event. */
async function replays(workflowId: string): Promise<void> {
  const history = await team.client.workflow.getHandle(workflowId).fetchHistory();
  await replay({ workflowBundle: await teamBundle(), plugins: [new PosternPlugin()] }, history, workflowId);
}

// Each with mailboxes and workflows of its own, all at once on one worker.
describe.concurrent("X-35 an agent's workflow gets its mail", () => {
  it("MB-15 reads it by our activity, and each delivery once", async () => {
    const { id, address } = await team.agent("readingAgent");
    await team.mail(address, { subject: "Lunch on Friday?" });
    const { workflowId, delivery } = await team.delivery(id);
    expect(delivery).toMatchObject({ mailbox: id, capabilities: ["confirm_meeting", "mail.reply"], verification: { dkim: "pass" } });
    const handle = team.client.workflow.getHandle(workflowId);
    // What a lost answer or an operator's replay looks like; and what is no delivery at all.
    for (const argument of [delivery, delivery, null, "mail", 7, {}, { ...delivery, delivery_id: 7 }])
      await handle.signal(MAIL_SIGNAL, argument);
    expect(await handle.result()).toEqual(["Lunch on Friday?"]);
    expect(await team.notes(id, 1)).toEqual(["someone@acme.example: Lunch on Friday?"]);
    await replays(workflowId);
  });

  it("mail that was made up, or is another workflow's, is not read", async () => {
    const [mine, other] = [await team.agent("readingAgent"), await team.agent("readingAgent")];
    await Promise.all([team.mail(mine.address, { subject: "Mine" }), team.mail(other.address, { subject: "Not mine" })]);
    const [{ workflowId }, { delivery }] = [await team.delivery(mine.id), await team.delivery(other.id)];
    const handle = team.client.workflow.getHandle(workflowId);
    await handle.signal(MAIL_SIGNAL, { ...delivery, mailbox: mine.id });
    const failure: unknown = await handle.result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    const { cause } = failure as WorkflowFailedError;
    expect(cause).toBeInstanceOf(ActivityFailure);
    expect((cause as ActivityFailure).cause).toMatchObject({ type: DENIED, message: DENIED, nonRetryable: true });
    expect(((cause as ActivityFailure).cause as ApplicationFailure).details).toEqual([
      { act: "posternReadMail", reason: "other_workflow" },
    ]);
    expect(await team.notes(mine.id, 1)).toEqual(["someone@acme.example: Mine"]);
  });

  it("goes on in another run with what came meanwhile, and knows what it has dealt with", async () => {
    const { address, id } = await team.agent("endlessAgent");
    const first = `${crypto.randomUUID()}@acme.example`;
    const headers = [`In-Reply-To: <${first}>`];
    await team.mail(address, { subject: "first", messageId: first });
    const { workflowId, delivery } = await team.delivery(id);
    const handle = team.client.workflow.getHandle(workflowId);
    await handle.signal(MAIL_SIGNAL, delivery);
    await team.mail(address, { subject: "second", headers });
    // Mails are dispatched on their own: another right behind might come first.
    await team.notes(id, 2);
    await handle.signal(MAIL_SIGNAL, delivery);
    await team.mail(address, { subject: "stop", headers });
    await handle.result();
    expect(await team.notes(id, 3)).toEqual(["first", "second", "stop"]);
    const { events } = await handle.fetchHistory();
    expect(events![0]!.workflowExecutionStartedEventAttributes!.continuedExecutionRunId).toBeTruthy();
    await replays(workflowId);
  });
});

describe.concurrent("MB-06 X-35 the worker refuses what the mail does not allow", () => {
  it("two mails at once, each by its own capabilities: activities, tools, and tools that nobody named", async () => {
    const [boss, bot] = [await team.agent("bookingAgent"), await team.agent("bookingAgent")];
    await Promise.all([team.mail(boss.address, { from: BOSS }), team.mail(bot.address, { from: BOT })]);
    expect(await team.notes(boss.id, 1)).toContain("confirm_meeting mail.reply: booked lunch, did create_event, capability_denied");
    expect(await team.notes(bot.id, 1)).toContain(
      "ingest_conflict_notice mail.raw: capability_denied, capability_denied, capability_denied",
    );
    const denials = async (id: string) => (await team.audit(id)).filter(({ action }) => action === "capability.denied");
    expect(await denials(bot.id)).toEqual(Array(3).fill({ action: "capability.denied", reason: "not_granted" }));
    expect(await denials(boss.id)).toHaveLength(1);
    await replays((await team.delivery(bot.id)).workflowId);
  });

  it("outside the loop over its mail, and in a workflow without mail, nothing is allowed", async () => {
    const { id, address } = await team.agent("bookingAgent");
    await team.mail(address);
    expect((await team.notes(id, 2)).at(-1)).toBe("after: capability_denied");
    const args = { taskQueue: team.queue, workflowId: crypto.randomUUID() } as const;
    expect(await team.client.workflow.execute("bookingNothing", args)).toBe(DENIED);
  });

  it("another workflow's mail gives nothing, whatever a signal says of it", async () => {
    const [bot, boss] = [await team.agent("bookingAgent"), await team.agent("bookingAgent")];
    await Promise.all([team.mail(bot.address, { from: BOT }), team.mail(boss.address, { from: BOSS })]);
    const [{ workflowId }, { delivery }] = [await team.delivery(bot.id), await team.delivery(boss.id)];
    const forged = { ...delivery, capabilities: ["confirm_meeting", "forged"], mailbox: bot.id };
    await team.client.workflow.getHandle(workflowId).signal(MAIL_SIGNAL, forged);
    expect((await team.notes(bot.id, 3))[1]).toBe("confirm_meeting forged: capability_denied, capability_denied, capability_denied");
  });

  it("X-27 a stopped mailbox, and a channel that was taken off, hold for mail that was delivered before", async () => {
    const { id, address } = await team.agent("waitingAgent");
    await team.mail(address);
    const handle = team.client.workflow.getHandle((await team.delivery(id)).workflowId);
    expect(await handle.executeUpdate("book")).toBe("booked lunch");
    await team.postern.call("POST", `/v1/mailboxes/${id}/stop`, {});
    expect(await handle.executeUpdate("book")).toBe("forbidden");
    await team.postern.call("POST", `/v1/mailboxes/${id}/start`, {});
    expect(await handle.executeUpdate("book")).toBe("booked lunch");
    await team.postern.setChannels(id, []);
    expect(await handle.executeUpdate("book")).toBe(DENIED);
    expect(await team.audit(id)).toContainEqual({ action: "capability.denied", reason: "channel_removed" });
    await handle.terminate();
  });

  it("steps of the gate are nobody else's to call, whatever a model believes", async () => {
    const { id, address } = await team.agent("obedientAgent");
    const steps = ["posternVerify", "posternBudget", "posternSend", "posternHoldTimer", "posternCollectBlobs"];
    for (const subject of steps) await team.mail(address, { subject });
    const notes = await team.notes(id, steps.length);
    expect([...notes].sort()).toEqual(steps.map((step) => `${step}: denied`).sort());
  });

  it("workflows that ask for nothing mapped are left alone", async () => {
    const args = { taskQueue: team.queue, workflowId: crypto.randomUUID(), args: ["team"] };
    expect(await team.client.workflow.execute("greeting", args)).toBe("hello team");
  });
});

describe.concurrent("X-35 an agent's workflow sends", () => {
  it("MB-15 an answer in the thread and a mail of its own, in the name of the channel's key; what cannot be composed is told", async () => {
    const { id, address } = await team.agent("answeringAgent", SENDING);
    await team.mail(address, { from: PARTNER, subject: "Friday?", messageId: "q@partner.example" });
    expect(await team.notes(id, 3)).toEqual(["answer sent", "own null", "invalid_request"]);
    const letters = await team.sunk(id, 2);
    const answer = letters.find((letter) => /^Subject: Re: Friday\?/m.test(letter));
    expect(answer).toMatch(/^In-Reply-To: <q@partner\.example>/m);
    expect(answer).toMatch(/^To: someone@partner\.example/m);
    await replays((await team.delivery(id)).workflowId);
  });

  it("MB-06 what a rule that speaks of mail leaves out is refused", async () => {
    const [boss, bot] = [await team.agent("answeringAgent", SENDING), await team.agent("answeringAgent", SENDING)];
    await Promise.all([team.mail(boss.address, { from: BOSS }), team.mail(bot.address, { from: BOT })]);
    expect(await team.notes(boss.id, 3)).toEqual(["answer sent", DENIED, DENIED]);
    expect(await team.notes(bot.id, 3)).toEqual([DENIED, DENIED, DENIED]);
    expect(await team.sunk(bot.id, 0)).toEqual([]);
  });

  it("MB-06 an answer goes to whom it answers: to anybody else it is a mail of its own, whatever it is called", async () => {
    const [boss, partner] = [await team.agent("widelyAnsweringAgent", SENDING), await team.agent("widelyAnsweringAgent", SENDING)];
    await Promise.all([team.mail(boss.address, { from: BOSS }), team.mail(partner.address, { from: PARTNER })]);
    expect(await team.notes(boss.id, 4)).toEqual([DENIED, DENIED, DENIED, "answer sent"]);
    expect((await team.notes(partner.id, 4)).slice(0, 3)).toEqual(["answer sent", "answer sent", "answer sent"]);
    expect((await team.sunk(boss.id, 1)).join("\n")).not.toContain("stranger@");
  });

  it("without a key, or with one that is revoked, nobody is the author", async () => {
    const [without, revoked] = [await team.agent("answeringAgent", { mode: "autonomous" }), await team.agent("answeringAgent", SENDING)];
    const { channels } = await team.postern.client().mailbox(revoked.id);
    const [channel] = channels as readonly api.WorkflowChannel[];
    await team.postern.remove(`/v1/keys/${channel!.key_id}`);
    for (const { id, address } of [without, revoked]) {
      await team.mail(address, { from: PARTNER });
      expect(await team.notes(id, 3)).toEqual([DENIED, DENIED, DENIED]);
      expect(await team.audit(id)).toContainEqual({ action: "capability.denied", reason: "no_author" });
    }
  });

  it("a workflow that begins again about the same mail sends nothing twice", async () => {
    const { id, address } = await team.agent("answeringAgent", SENDING);
    await team.mail(address, { from: PARTNER });
    const { workflowId, delivery } = await team.delivery(id);
    await team.client.workflow.getHandle(workflowId).result();
    await team.sunk(id, 2);
    const again = { workflowId, taskQueue: team.queue, signal: MAIL_SIGNAL, signalArgs: [delivery] as [unknown], args: [{}] };
    await team.client.workflow.signalWithStart("answeringAgent", again);
    expect((await team.notes(id, 6)).slice(3)).toEqual(["answer sent", "own sent", "invalid_request"]);
    expect(await team.sunk(id, 2)).toHaveLength(2);
  });

  it("the child outlives its parent, and waits for a person where the mode says so", async () => {
    const { id, address } = await team.agent("leavingAgent", { sends: true });
    await team.mail(address, { from: PARTNER, subject: "Friday?" });
    const client = team.postern.client();
    const waiting = async () => (await client.pending({ mailbox_id: id })).items;
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 20_000, interval: 200 });
    expect(await team.client.workflow.getHandle((await team.delivery(id)).workflowId).result()).toBeNull();
    await client.decide((await waiting())[0]!.id, { action: "approve" });
    expect(await team.sunk(id, 1)).toHaveLength(1);
  });
});
