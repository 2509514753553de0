import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { HoldId } from "../../src/model/hold.ts";
import { holdWorkflowOf } from "../../src/model/hold-workflow.ts";
import { HOURLY_ID, UPKEEP_ID, WORKFLOW } from "../../src/model/names.ts";
import { begun } from "../support/schedules.ts";
import { type Draft, LOOK_MS, type Mailbox, OutboundWorld, type Person } from "./world.ts";

let world: OutboundWorld;
let ann: Person;
/** How far the instance's clock is before everybody's, in milliseconds. */
let ahead = 0;
beforeAll(async () => {
  world = await OutboundWorld.open({ serve: { retryMs: 50, clock: () => Date.now() + ahead } });
  ann = await world.person(["oversight"]);
  // What is counted below is what the tests themselves begin, whatever time it is.
  await Promise.all([UPKEEP_ID, HOURLY_ID].map((id) => scheduleOf(id).pause()));
});
afterAll(() => world?.close());
beforeEach(() => {
  world.peer.taken.length = 0;
  world.peer.commands.length = 0;
  world.peer.script = () => undefined;
});

const workflowOf = (hold: string) => world.temporal.workflow.getHandle(holdWorkflowOf(hold as HoldId));

/** What an operator does in the dashboard, and what a namespace from a backup comes to. */
async function lose({ id }: { readonly id: string }): Promise<void> {
  const handle = workflowOf(id);
  await handle.terminate("by mistake");
  expect((await handle.describe()).status.name).toBe("TERMINATED");
}

const decide = ({ id }: Mailbox, draft: Pick<Draft, "id">, verdict: object) =>
  ann.send<{ status: string }>("POST", `/v1/mailboxes/${id}/decide/${draft.id}`, verdict);

async function events({ id }: Pick<Draft, "id">) {
  return (await workflowOf(id).fetchHistory()).events ?? [];
}

/** What the schedule starts. */
function upkeep(): Promise<{ readonly revived: number }> {
  return world.temporal.workflow.execute(WORKFLOW.upkeep, {
    workflowId: `upkeep-${randomBytes(6).toString("hex")}`,
    taskQueue: world.postern.taskQueues.main,
  }) as Promise<{ revived: number }>;
}

const scheduleOf = (id: string) => world.temporal.schedule.getHandle(`${id}-${world.postern.taskQueues.main}`);

const approved = (mailbox: Mailbox, draft: Pick<Draft, "id">) => decide(mailbox, draft, { action: "approve" });

describe("X-06 a workflow that was lost", () => {
  it("is begun again by the first attempt on its draft: approved, the mail leaves once", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox);
    await lose(draft);
    expect(await approved(mailbox, draft)).toMatchObject({ status: "approved" });
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
  });

  it("counts a quorum across its loss, and many attempts at once begin one", async () => {
    const mailbox = await world.mailbox("gated_send", { approvals: { quorum: 2 } });
    const draft = await world.send(mailbox);
    await approved(mailbox, draft);
    await lose(draft);
    const people = await Promise.all(Array.from({ length: 6 }, () => world.person(["oversight"])));
    const answers = await Promise.all(
      people.map(({ key }) => world.request("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "approve" }, key)),
    );
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 409, 409, 409, 409, 409]);
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
  });

  it("of a draft that has ended stays lost: too late is answered, and nothing begins", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox);
    await decide(mailbox, draft, { action: "reject", reason: "too soon" });
    await world.ended(draft);
    const { runId } = await workflowOf(draft.id).describe();
    await expect(approved(mailbox, draft)).rejects.toMatchObject({ code: "already_decided" });
    expect((await workflowOf(draft.id).describe()).runId).toBe(runId);
  });

  it("is begun again by the upkeep, once, whatever it waited for, and no other is", async () => {
    await upkeep();
    const mailbox = await world.mailbox("gated_send");
    const [waits, running, over] = [await world.send(mailbox), await world.send(mailbox), await world.send(mailbox)];
    await decide(mailbox, over, { action: "reject", reason: "no" });
    await world.ended(over);
    const free = await world.mailbox("autonomous");
    const scheduled = await world.send(free, { send_at: new Date(Date.now() + 8_000).toISOString() });
    const held = await heldMail();
    for (const lost of [waits, scheduled, held]) await lose(lost);
    const { runId } = await workflowOf(running.id).describe();
    expect(await upkeep()).toMatchObject({ revived: 3 });
    expect(await upkeep()).toMatchObject({ revived: 0 });
    expect((await workflowOf(running.id).describe()).runId).toBe(runId);
    expect((await workflowOf(held.id).describe()).status.name).toBe("RUNNING");
    expect(world.peer.taken).toEqual([]);
    expect(await world.ended(scheduled)).toEqual({ state: "sent" });
    await approved(mailbox, waits);
    expect(await world.ended(waits)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(2);
  });

  it("is begun again by the hourly schedule, which does nothing else", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox);
    await lose(draft);
    const hourly = scheduleOf(HOURLY_ID);
    expect((await hourly.describe()).spec.calendars).toMatchObject([{ hour: [{ start: 0, end: 23 }], minute: [{ start: 47 }] }]);
    await hourly.trigger();
    expect(await world.temporal.workflow.getHandle(await begun(hourly)).result()).toEqual({ revived: 1, erased: 0, collected: 0 });
    await approved(mailbox, draft);
    expect(await world.ended(draft)).toEqual({ state: "sent" });
  });

  it("DESIGN §9.7 while its mail is on its way sends nothing a second time when it is begun again", async () => {
    const mailbox = await world.mailbox("autonomous");
    const [reached, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()];
    world.peer.script = (step) => (step === "dot" ? (reached.resolve(), answer.promise) : undefined);
    const draft = await world.send(mailbox);
    await reached.promise;
    await lose(draft);
    expect(await upkeep()).toMatchObject({ revived: 1 });
    while (!(await events(draft)).some((event) => event.activityTaskScheduledEventAttributes)) await pause(LOOK_MS);
    expect(await world.draft(mailbox, draft)).toMatchObject({ status: "sending" });
    answer.resolve(undefined);
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
    expect(world.peer.commands.filter((line) => /^data$/i.test(line))).toHaveLength(1);
  });
});

describe("X-06 a workflow that has not heard that its draft was approved", () => {
  it("is told by the upkeep some seconds later, and the mail leaves at its time, once", async () => {
    ahead = 0;
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox, { send_at: new Date(Date.now() + 8_000).toISOString() });
    expect(await approved(mailbox, draft)).toMatchObject({ status: "approved" });
    await forget(draft);
    await upkeep();
    expect(await toldIn(draft), "it may be about to hear").toBe(0);
    ahead = 11_000;
    expect(await upkeep(), "none was lost").toMatchObject({ revived: 0 });
    expect(await toldIn(draft)).toBe(1);
    expect(await world.draft(mailbox, draft)).toMatchObject({ status: "queued" });
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
    const { attempts } = await ann.get<{ attempts: readonly unknown[] }>(`/v1/pending/${draft.id}`);
    expect(attempts).toHaveLength(1);
  });

  it("is told by nobody while it waits for a kill switch, a cap, or a day that is far", async () => {
    const [stopped, later] = [await world.mailbox("gated_send"), await world.mailbox("gated_send")];
    const [held, far] = [await world.send(stopped), await world.send(later, { send_at: new Date(Date.now() + 2 * HOUR_MS).toISOString() })];
    await ann.send("POST", `/v1/mailboxes/${stopped.id}/stop`, {});
    for (const [mailbox, draft] of [[stopped, held] as const, [later, far] as const]) await approved(mailbox, draft);
    await vi.waitUntil(async () => (await world.draft(stopped, held)).reason === "stopped_mailbox");
    ahead += 11_000;
    await upkeep();
    expect([await toldIn(held), await toldIn(far)], "by the person alone").toEqual([1, 1]);
  });
});

async function toldIn(draft: Pick<Draft, "id">): Promise<number> {
  return (await events(draft)).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length;
}

const HOUR_MS = 3_600_000;

/** As the server's API numbers what a reset would tell the workflow again. */
const REAPPLIED = { signal: 1, update: 2 } as const;

/** The workflow as it was before it was told anything: what a restored namespace and an update lost with its worker come to. */
async function forget({ id }: Pick<Draft, "id">): Promise<void> {
  const history = await events({ id });
  const told = history.findIndex((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
  const task = history.slice(0, told).findLast((event) => event.workflowTaskCompletedEventAttributes);
  expect(task).toBeDefined();
  await world.temporal.workflowService.resetWorkflowExecution({
    namespace: "default",
    workflowExecution: { workflowId: holdWorkflowOf(id) },
    workflowTaskFinishEventId: task!.eventId!,
    requestId: randomBytes(8).toString("hex"),
    reason: "to forget",
    resetReapplyExcludeTypes: Object.values(REAPPLIED),
  });
}

/** Inbound mail that waits for people, with its workflow under way. */
async function heldMail(): Promise<{ readonly id: string }> {
  const address = `held-${randomBytes(4).toString("hex")}@acme.example`;
  const mailbox = await world.postern.mailbox(address, { defaultAction: "hold", senders: [] });
  const bytes = `From: eve@strange.example\r\nTo: ${address}\r\nSubject: hello\r\nMessage-ID: <${randomBytes(6).toString("hex")}@strange.example>\r\n\r\nhello\r\n`;
  await world.postern.deliver({ sender: "eve@strange.example", recipient: address, bytes, ip: undefined });
  for (;;) {
    const { items } = await ann.get<{ items: readonly { id: string }[] }>(`/v1/pending?mailbox_id=${mailbox}`);
    const [item] = items;
    if (item !== undefined && (await isThere(item.id))) return item;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function isThere(hold: string): Promise<boolean> {
  return workflowOf(hold)
    .describe()
    .then(
      () => true,
      () => false,
    );
}
