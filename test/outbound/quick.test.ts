import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { Precedence } from "../../activities/precedence.ts";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import { HANG } from "../support/smtp-peer.ts";
import { codeOf, LOOK_MS, OutboundWorld, type Draft } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());
beforeEach(() => {
  world.peer.taken.length = 0;
  world.peer.script = () => undefined;
});

/** Regular activities that its workflow has called, and workflow tasks that have begun. */
async function stepsOf({ temporal }: OutboundWorld, { id }: Pick<Draft, "id">) {
  const { events } = await temporal.workflow.getHandle(outboundWorkflowId(id)).fetchHistory();
  const regular = (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? []);
  return { regular, tasks: (events ?? []).filter((event) => event.workflowTaskStartedEventAttributes).length };
}

it("DESIGN §9.7 mail on its way is not left behind by a worker that forgets its workflow: it does not become unknown, and the workflow ends", async () => {
  const small = await OutboundWorld.open({ serve: { maxCachedWorkflows: 1 } });
  onTestFinished(() => small.close());
  const dot = Promise.withResolvers<undefined>();
  small.peer.script = (step) => (step === "dot" ? dot.promise : undefined);
  const [mailbox, gated] = [await small.mailbox("autonomous"), await small.mailbox("gated_send")];
  const draft = await small.send(mailbox);
  for (let others = 0; others < 3; others += 1) await small.send(gated);
  for (let status = ""; status !== "unknown" && (await stepsOf(small, draft)).regular.length === 0; await pause(LOOK_MS))
    ({ status } = await small.draft(mailbox, draft));
  expect(await small.draft(mailbox, draft)).toMatchObject({ status: "sending" });
  dot.resolve(undefined);
  expect(await small.ended(draft)).toEqual({ state: "sent" });
  expect(small.peer.taken).toHaveLength(1);
});

it("DESIGN §9.7 mail on its way is given the time to end when the service stops", async () => {
  const stopped = await OutboundWorld.open();
  const [reached, dot] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()];
  stopped.peer.script = (step) => (step === "dot" ? (reached.resolve(), dot.promise) : undefined);
  const mailbox = await stopped.mailbox("autonomous");
  const draft = await stopped.send(mailbox);
  await reached.promise;
  const closed = stopped.postern.running.close();
  // Nobody is there any more who could join it.
  while ((await stepsOf(stopped, draft)).regular.length === 0) await pause(LOOK_MS);
  dot.resolve(undefined);
  await closed;
  const database = new DatabaseSync(join(stopped.postern.dataDir, "postern.db"), { readOnly: true, timeout: 5000 });
  expect(database.prepare("select state from drafts where id = ?").get(draft.id)).toEqual({ state: "sent" });
  database.close();
  await stopped.close();
});

describe("MM-06 what nobody need be asked about", () => {
  it("leaves within the workflow task that screened it", async () => {
    const draft = await world.send(await world.mailbox("autonomous"));
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(await stepsOf(world, draft)).toEqual({ regular: [], tasks: 1 });
    expect(world.peer.taken).toHaveLength(1);
  });

  it("leaves by a step of its own where people were asked, because their word is answered before", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox);
    const overseer = await world.person(["oversight"]);
    await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "approve" });
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(await stepsOf(world, draft)).toMatchObject({ regular: ["posternSend"] });
  });

  it("waits for people who wait for an answer to their decision, where it is a step of its own, and so does what was answered", async () => {
    const ways = Array.from({ length: 2 }, () => [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const);
    const [decided, leaves] = ways;
    const waiting = ways.values();
    const ofPeople = vi.spyOn(Precedence.prototype, "ofPeople");
    const giveWay = vi.spyOn(Precedence.prototype, "giveWay").mockImplementation(() => {
      const [asked, people] = waiting.next().value!;
      asked.resolve();
      return people.promise;
    });
    onTestFinished(() => void [ofPeople, giveWay].map((spy) => spy.mockRestore()));
    const [quick, gated] = [await world.mailbox("autonomous"), await world.mailbox("gated_send")];
    expect(await world.ended(await world.send(quick))).toEqual({ state: "sent" });
    expect(ofPeople).not.toHaveBeenCalled();
    const draft = await world.send(gated);
    const overseer = await world.person(["oversight"]);
    await overseer.send("POST", `/v1/mailboxes/${gated.id}/decide/${draft.id}`, { action: "approve" });
    expect(ofPeople).toHaveBeenCalledOnce();
    for (const [asked, people] of [decided!, leaves!]) {
      await asked.promise;
      expect(await world.draft(gated, draft)).toMatchObject({ status: "queued" });
      expect(world.peer.taken).toHaveLength(1);
      people.resolve();
    }
    expect(await world.ended(draft)).toEqual({ state: "sent" });
  });

  it("leaves by a step of its own where the relay is slow to answer, and once", async () => {
    let silent = 0;
    world.peer.script = (step) => (step === "mail" && (silent += 1) === 1 ? HANG : undefined);
    const mailbox = await world.mailbox("autonomous");
    const draft = await world.send(mailbox);
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(await stepsOf(world, draft)).toMatchObject({ regular: ["posternSend"] });
    expect(world.peer.taken).toHaveLength(1);
    expect(await world.draft(mailbox, draft)).toMatchObject({ deliveries: [expect.objectContaining({ state: "accepted" })] });
  });

  it("is not said again where the relay takes its time for the last word; who takes it back is answered meanwhile", async () => {
    const dot = Promise.withResolvers<undefined>();
    world.peer.script = (step) => (step === "dot" ? dot.promise : undefined);
    const mailbox = await world.mailbox("autonomous");
    const draft = await world.send(mailbox);
    expect(await codeOf(mailbox.agent.send("DELETE", `/v1/drafts/${draft.id}`, null))).toBe("already_decided");
    while ((await stepsOf(world, draft)).regular.length === 0) await pause(LOOK_MS);
    expect(await world.draft(mailbox, draft)).toMatchObject({ status: "sending" });
    dot.resolve(undefined);
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
    expect(await stepsOf(world, draft)).toMatchObject({ regular: ["posternSend"] });
  });
});
