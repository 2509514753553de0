import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { defaultPayloadConverter } from "@temporalio/common";
import { afterAll, beforeAll, expect, it } from "vitest";
import { draftMessageId, idBody, makeId, outboundWorkflowId, type DraftId, type TenantId } from "../../src/model/ids.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import type { OutboundInput } from "../../src/model/outbound.ts";
import { failureOf, startHostile, UNTRUSTED, type Hostile } from "../workflows/hostile-worker.ts";
import { OutboundWorld } from "./world.ts";

let world: OutboundWorld;
let hostile: Hostile;
beforeAll(async () => {
  world = await OutboundWorld.open();
  hostile = await startHostile(world.temporal);
});
afterAll(async () => {
  await hostile?.close();
  await world?.close();
});

/** As if a door had made it: what the record has to say even then. */
async function ticketed<I extends object>(input: I): Promise<I> {
  return (await world.postern.tickets()).sign(WORKFLOW.outboundMessage, input);
}

/** The input of a draft's workflow as somebody may write it who has seen the one that waits. */
function inputLike(draft: string): Pick<OutboundInput, "tenant" | "mailbox" | "author" | "source" | "message"> {
  using database = new DatabaseSync(join(world.postern.dataDir, "postern.db"), { readOnly: true, timeout: 5000 });
  const row = database
    .prepare(
      "select d.tenant, d.mailbox, d.author, d.message, r.source_digest, r.source_size from drafts d join revisions r on r.draft = d.id where d.id = ?",
    )
    .get(draft) as Record<string, string | number>;
  const { tenant, mailbox, author, message, source_digest: digest, source_size: size } = row;
  return { tenant: tenant as TenantId, mailbox, author, message, source: { digest, size } } as ReturnType<typeof inputLike>;
}

it("MM-04 MM-05 whoever may start workflows cannot send what waits by calling it the overseer's copy", async () => {
  const mailbox = await world.mailbox("gated_send");
  const waiting = await world.send(mailbox);
  const draft = makeId("drf", randomBytes(16));
  const input: OutboundInput = {
    ...inputLike(waiting.id),
    draft,
    message: draftMessageId(draft),
    thread: `thr_${idBody(draft)}`,
    kind: "copy",
    in_reply_to: null,
    submitted_at: Date.now(),
    send_at: null,
  };
  const start = { workflowId: outboundWorkflowId(draft), taskQueue: world.postern.taskQueues.main, args: [await ticketed(input)] };
  expect(await world.temporal.workflow.execute(WORKFLOW.outboundMessage, start)).toEqual({ state: "blocked" });
  expect(await world.draft(mailbox, waiting)).toMatchObject({ status: "pending_send_approval" });
  expect(world.peer.taken).toEqual([]);
});

it("NY-21 nor what people have to see by now, by calling it a copy on its way", async () => {
  const mailbox = await world.mailbox("autonomous");
  const later = await world.send(mailbox, { send_at: new Date(Date.now() + 3_000).toISOString() });
  const policy = { version: 1, defaultAction: "bounce", senders: [], outbound: { firstContact: "approve" } };
  await world.postern.http.send("PUT", `/v1/mailboxes/${mailbox.id}/policy`, policy);
  const input = { ...inputLike(later.id), draft: later.id, thread: later.thread_id, kind: "copy", in_reply_to: null };
  const args = [await ticketed({ ...input, submitted_at: Date.now(), send_at: null }), { times: null, since: null }];
  const handle = await world.temporal.workflow.start(WORKFLOW.outboundMessage, {
    workflowId: `forged-${later.id}`,
    taskQueue: world.postern.taskQueues.main,
    args,
  });
  expect(await world.until(mailbox, later, "pending_send_approval", "sent")).toMatchObject({ reason: "first_contact" });
  await handle.terminate();
  expect(world.peer.taken).toEqual([]);
});

it("NY-01 nor in the name of a key that may not send, or not from this mailbox", async () => {
  const mailbox = await world.mailbox("autonomous");
  const [other, ann] = [await world.mailbox("autonomous"), await world.person(["oversight"])];
  const like = await world.send(mailbox, { send_at: new Date(Date.now() + 3_600_000).toISOString() });
  const start = async (author: string) => {
    const draft = makeId("drf", randomBytes(16));
    const mine = { draft, message: draftMessageId(draft), thread: `thr_${idBody(draft)}`, author, kind: "draft" };
    const args = [await ticketed({ ...inputLike(like.id), ...mine, in_reply_to: null, submitted_at: Date.now(), send_at: null })];
    const options = { workflowId: outboundWorkflowId(draft), taskQueue: world.postern.taskQueues.main, args };
    return world.temporal.workflow.execute(WORKFLOW.outboundMessage, options);
  };
  for (const { keyId } of [ann, other.agent]) expect(await start(keyId)).toEqual({ state: "blocked" });
  expect(world.peer.taken).toEqual([]);
  expect(await start(mailbox.agent.keyId)).toEqual({ state: "sent" });
});

it("NY-01 a forged start: nobody sends in a key's name without a ticket, or with one that was seen", async () => {
  const mailbox = await world.mailbox("autonomous");
  const later = await world.send(mailbox, { send_at: new Date(Date.now() + 3_600_000).toISOString() });
  const [seen] = await argumentsOf(later.id);
  const draft = makeId("drf", randomBytes(16));
  const mine = { draft, message: draftMessageId(draft), thread: `thr_${idBody(draft)}`, send_at: null };
  const { ticket: _, ...unsigned } = { ticket: "", ...seen, ...mine };
  for (const input of [unsigned, { ...seen, ...mine }, { ...seen, send_at: null }, { ...seen, author: mailbox.agent.keyId, kind: "copy" }])
    for (const args of [[input], [input, { times: null, since: null, at_once: true }]]) {
      const workflowId = `forged-${randomBytes(6).toString("hex")}`;
      const options = { workflowId, taskQueue: world.postern.taskQueues.main, args, workflowExecutionTimeout: "1 minute" };
      expect(await failureOf(world.temporal.workflow.execute(WORKFLOW.outboundMessage, options))).toMatchObject(UNTRUSTED);
    }
  const { items } = await mailbox.agent.get<{ items: readonly { id: string }[] }>(`/v1/mailboxes/${mailbox.id}/drafts`);
  expect(items.map(({ id }) => id)).toEqual([later.id]);
  expect(await world.draft(mailbox, later)).toMatchObject({ status: "queued" });
  expect(world.peer.taken.filter((mail) => JSON.stringify(mail).includes(mailbox.address))).toEqual([]);
});

it("MM-05 a step that makes tickets makes none for a copy of what has not left", async () => {
  const mailbox = await world.mailbox("monitored");
  const { main } = world.postern.taskQueues;
  const copyOf = async (draft: string) => hostile.call(WORKFLOW.outboundMessage, main, "posternCopy", (await argumentsOf(draft))[0]);
  const later = await world.send(mailbox, { send_at: new Date(Date.now() + 3_600_000).toISOString() });
  expect(await copyOf(later.id)).toBeNull();
  const sent = await world.send(mailbox);
  await world.until(mailbox, sent, "sent");
  expect(await copyOf(sent.id)).toMatchObject({ kind: "copy", ticket: expect.any(String) as string });
});

/** What a history shows of a draft. */
async function argumentsOf(draft: string): Promise<readonly Record<string, unknown>[]> {
  const { events } = await world.temporal.workflow.getHandle(outboundWorkflowId(draft as DraftId)).fetchHistory();
  const payloads = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return payloads.map((payload) => defaultPayloadConverter.fromPayload(payload));
}
