import { afterAll, beforeAll, expect, it } from "vitest";
import { OutboundWorld } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());

/** Whoever writes is let in, unproven as well. */
const ANYBODY = { senders: [{ match: { domain: "*", allowUnverified: true }, capabilities: [] }] };

it("X-07 MM-03 one queue for both directions: what came in and what is to leave wait in it, unseen by the agent, and go when approved", async () => {
  const mailbox = await world.mailbox("gated_all", {}, ANYBODY);
  const overseer = await world.person(["oversight"]);
  const bytes = `From: eve@strange.example\r\nTo: ${mailbox.address}\r\nSubject: a question\r\nMessage-ID: <q@strange.example>\r\n\r\nHow much?\r\n`;
  await world.postern.deliver({ sender: "eve@strange.example", recipient: mailbox.address, bytes, ip: undefined });
  const draft = await world.send(mailbox);
  const { items } = await overseer.get<{ items: readonly { id: string; direction: string; reason: string }[] }>(
    `/v1/pending?mailbox_id=${mailbox.id}`,
  );
  expect(items.map(({ direction }) => direction)).toEqual(["outbound", "inbound"]);
  const [, inbound] = items;
  const seen = async () => (await mailbox.agent.get<{ items: readonly { id: string }[] }>(`/v1/mailboxes/${mailbox.id}/messages`)).items;
  expect(await seen()).toEqual([]);
  await expect(mailbox.agent.get(`/v1/messages/${inbound!.id}`)).rejects.toMatchObject({ code: "not_found" });
  expect(world.peer.taken).toEqual([]);
  const verdicts = { items: items.map(({ id }) => ({ id, action: "approve" })) };
  const decided = await overseer.send<{ items: readonly object[] }>("POST", "/v1/pending/decide", verdicts);
  expect(decided.items).toMatchObject(items.map(({ id }) => ({ id, result: "accepted", status: "approved" })));
  expect(await world.ended(draft)).toEqual({ state: "sent" });
  expect((await seen()).map(({ id }) => id)).toContain(inbound!.id);
  expect(await overseer.get(`/v1/pending?mailbox_id=${mailbox.id}`)).toMatchObject({ items: [] });
});
