import { afterAll, beforeAll, expect, it } from "vitest";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import { type Draft, OutboundWorld } from "../outbound/world.ts";
import { CUT } from "../support/smtp-peer.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());

/** Signals at once: more than the server buffers while a workflow thinks would only make it think again. */
const TOGETHER = 30;

/** Words of nobody until the history is so long that another run goes on. */
async function flood({ id }: Draft): Promise<void> {
  const handle = world.temporal.workflow.getHandle(outboundWorkflowId(id));
  const { runId: first } = await handle.describe();
  for (let length = 0; ;) {
    await Promise.all(Array.from({ length: TOGETHER }, () => handle.signal("approve", {})));
    for (;;) {
      const { runId, historyLength, raw } = await handle.describe();
      if (runId !== first) return;
      if (historyLength > length + TOGETHER && (raw.pendingActivities ?? []).length === 0) {
        length = historyLength;
        break;
      }
    }
  }
}

it("X-06 a draft that waits for people goes on in another run, where they decide", async () => {
  const mailbox = await world.mailbox("gated_send");
  const draft = await world.send(mailbox);
  await flood(draft);
  expect(await world.draft(mailbox, draft)).toMatchObject({ status: "pending_send_approval" });
  const overseer = await world.person(["oversight"]);
  await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "approve" });
  expect(await world.ended(draft)).toEqual({ state: "sent" });
  expect(world.peer.taken).toHaveLength(1);
});

it("X-06 one of unknown fate goes on in another run, where they send it again", async () => {
  const mailbox = await world.mailbox("autonomous");
  world.peer.script = (step) => (step === "dot" ? CUT : undefined);
  const draft = await world.send(mailbox);
  await world.until(mailbox, draft, "unknown");
  await flood(draft);
  expect(await world.draft(mailbox, draft)).toMatchObject({ status: "unknown" });
  world.peer.script = () => undefined;
  const overseer = await world.person(["oversight"]);
  await overseer.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "resend" });
  expect(await world.ended(draft)).toEqual({ state: "sent" });
});
