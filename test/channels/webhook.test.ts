import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BOSS, ChannelWorld } from "./world.ts";
import { open } from "./receiver.ts";

let world: ChannelWorld;

beforeAll(async () => {
  world = await ChannelWorld.open();
});
afterAll(() => world?.close());

describe("a webhook", () => {
  it("MB-15 gets each delivered message with its ids, text, verification, capabilities and a grant that counts", async () => {
    const { box, receiver, webhook } = await world.hooked();
    await world.mail(box, { subject: "Lunch?", text: "On Friday at noon?" });
    const [received] = await receiver.until(1);
    const { type, data } = open(webhook.secret, received!);
    const [message] = (await world.postern.http.get<{ items: any[] }>(`/v1/mailboxes/${box.id}/messages`)).items;
    expect(type).toBe("message.created");
    expect(data).toMatchObject({
      message_id: message.id,
      thread_id: message.thread_id,
      mailbox_id: box.id,
      agent_id: "assistant",
      from: BOSS,
      to: [box.address],
      subject: "Lunch?",
      received_at: message.received_at,
      verification: { dkim: "pass", spf: "pass" },
      capabilities: ["read_calendar", "confirm_meeting"],
      automatic: false,
      attachments: [],
    });
    expect(data.text.trim()).toBe("On Friday at noon?");
    const checked = await world.postern.http.send<{ allowed: boolean; message_id: string }>("POST", "/v1/grants/check", {
      grant: data.grant,
      capability: "confirm_meeting",
    });
    expect(checked).toMatchObject({ allowed: true, message_id: message.id });
    expect(await world.delivery(box, "delivered")).toMatchObject({ id: received!.headers["webhook-id"], attempts: 1, status: 204 });
  });
});
