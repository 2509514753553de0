import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerWith, open, type Received } from "./receiver.ts";
import { ANYBODY, BOSS, ChannelWorld, SHORT } from "./world.ts";

let world: ChannelWorld;
/** Gives up after a second and a half. */
let impatient: ChannelWorld;

beforeAll(async () => {
  [world, impatient] = await Promise.all([ChannelWorld.open(), ChannelWorld.open({ serve: { dispatching: SHORT } })]);
});
afterAll(() => Promise.all([world?.close(), impatient?.close()]));

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

  it("MH-04 PB-12 a receiver refuses what was signed with another secret, was changed, or is older than five minutes", async () => {
    const { box, receiver, webhook } = await world.hooked();
    await world.mail(box);
    const [received] = await receiver.until(1);
    const old = String(Number(received!.headers["webhook-timestamp"]) - 301);
    expect(() => open(`whsec_${Buffer.alloc(32, 1).toString("base64")}`, received!)).toThrow("No matching signature");
    expect(() => open(webhook.secret, { ...received!, body: received!.body.replace("message", "massage") })).toThrow(
      "No matching signature",
    );
    expect(() => open(webhook.secret, { ...received!, headers: { ...received!.headers, "webhook-id": "evt_other" } })).toThrow(
      "No matching",
    );
    expect(() => open(webhook.secret, { ...received!, headers: { ...received!.headers, "webhook-timestamp": old } })).toThrow("too old");
    expect(Math.abs(Number(received!.headers["webhook-timestamp"]) * 1000 - received!.at)).toBeLessThan(60_000);
  });

  it("MB-15 what is not taken is sent again, later from time to time, with the same id and body and a time stamp and signature of its own", async () => {
    const { box, receiver, webhook } = await world.hooked();
    const answers = [answerWith(500), answerWith(302, { location: "http://169.254.169.254/" }), answerWith(404), answerWith(200)];
    receiver.answer = (response, received) => answers.shift()!(response, received);
    await world.mail(box);
    const received = await receiver.until(4);
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    for (const each of received) expect(open(webhook.secret, each).type).toBe("message.created");
    const [first, second, third] = received.slice(1).map(({ at }, index) => at - received[index]!.at);
    for (const [gap, least] of [
      [first, 50],
      [second, 100],
      [third, 200],
    ] as const)
      expect(gap).toBeGreaterThanOrEqual(least * 0.9);
    expect(await world.delivery(box, "delivered")).toMatchObject({ attempts: 4, status: 200, reason: null });
  });

  it("one that hangs up is tried again, and waits as long as it asks", async () => {
    const { box, receiver } = await world.hooked();
    const answers = [(response: any) => void response.destroy(), answerWith(429, { "retry-after": "1" }), answerWith(204)];
    receiver.answer = (response, received) => answers.shift()!(response, received);
    await world.mail(box);
    const [, second, third] = await receiver.until(3);
    expect(third!.at - second!.at).toBeGreaterThanOrEqual(990);
  });

  it("NY-16 over a megabyte it is message.created.truncated, without text", async () => {
    const { box, receiver, webhook } = await world.hooked();
    await world.mail(box, { text: "long ".repeat(250_000) });
    const [received] = await receiver.until(1);
    const { type, data } = open(webhook.secret, received!);
    expect(type).toBe("message.created.truncated");
    expect(data).not.toHaveProperty("text");
    expect(data).toMatchObject({ from: BOSS, grant: expect.any(String) as string });
    expect(received!.body.length).toBeLessThan(10_000);
  });

  it("MB-01 mail that is refused or held reaches no webhook; let through by a person it does, once", async () => {
    const { box, receiver, webhook } = await world.hooked({ defaultAction: "hold", senders: [] });
    await world.mail(box);
    expect(await world.deliveries(box)).toEqual([]);
    const [held] = (await world.postern.http.get<{ items: { id: string }[] }>(`/v1/mailboxes/${box.id}/messages`)).items;
    await world.postern.http.send("POST", `/v1/messages/${held!.id}/release`, {});
    const [received] = await receiver.until(1);
    expect(open(webhook.secret, received!).data.message_id).toBe(held!.id);
    const { box: closed, receiver: silent } = await world.hooked({ defaultAction: "drop", senders: [] });
    await world.mail(closed);
    expect(await world.deliveries(closed)).toEqual([]);
    expect(silent.received).toEqual([]);
    expect(receiver.received).toHaveLength(1);
  });

  it("two channels of a mailbox are two deliveries, each with an id of its own; one that fails does not stop the other", async () => {
    const { box, receiver, webhook } = await world.hooked();
    const other = await world.receiver();
    receiver.answer = answerWith(500);
    const second = await world.webhook(other.url);
    await world.setChannels(
      box,
      [webhook, second].map(({ id }) => ({ kind: "webhook", webhook_id: id })),
    );
    await world.mail(box);
    const [[one], [two]] = [await receiver.until(1), await other.until(1)];
    expect(one!.headers["webhook-id"]).not.toBe(two!.headers["webhook-id"]);
    receiver.answer = answerWith(204);
    await receiver.until(2);
  });

  it("PB-14 during a rotation both secrets are good, after its grace the new one alone", async () => {
    const { box, receiver, webhook } = await world.hooked();
    const rotated = await world.postern.http.send<{ secret: string; secrets: unknown[] }>("POST", `/v1/webhooks/${webhook.id}/rotate`, {
      grace_s: 3,
    });
    expect(rotated.secrets).toHaveLength(2);
    await world.mail(box);
    const [both] = await receiver.until(1);
    expect(both!.headers["webhook-signature"]!.split(" ")).toHaveLength(2);
    for (const secret of [webhook.secret, rotated.secret]) expect(open(secret, both!).type).toBe("message.created");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await world.mail(box);
    const [, after] = await receiver.until(2);
    expect(open(rotated.secret, after!).type).toBe("message.created");
    expect(() => open(webhook.secret, after!)).toThrow("No matching signature");
  });

  it("PB-13 registered by the short route it gets the agent's mail, and its time stamp by the other name too", async () => {
    const [box, receiver] = [await world.mailbox(), await world.receiver()];
    const { http } = world.postern;
    const { agent_id } = await http.get<{ agent_id: string }>(`/v1/mailboxes/${box.id}`);
    const { webhook_id, secret } = await http.send<{ webhook_id: string; secret: string }>("POST", "/postbox/webhook/register", {
      url: receiver.url,
      agent_id,
    });
    await world.mail(box);
    const [received] = await receiver.until(1);
    expect(received!.headers["x-agentpack-webhook-timestamp"]).toBe(received!.headers["webhook-timestamp"]);
    expect(open(secret, received!).data.mailbox_id).toBe(box.id);
    const rotated = await http.send<{ secret: string; previous_expires_at: string }>("POST", "/webhook/rotate", { webhook_id });
    expect(rotated.secret).not.toBe(secret);
    expect(Date.parse(rotated.previous_expires_at) - Date.now()).toBeGreaterThan(86_000_000);
    // Off every mailbox of the agent again, for the tests beside this one.
    await http.remove(`/v1/webhooks/${webhook_id}`);
    expect(await http.get(`/v1/mailboxes/${box.id}`)).toMatchObject({ channels: [] });
  });
});

describe("a delivery that never arrives", () => {
  it("X-17 is a dead letter when its time is over, audited; an operator's replay brings it under the same id", async () => {
    const { box, receiver, webhook } = await impatient.hooked();
    receiver.answer = answerWith(503);
    await impatient.mail(box);
    const dead = await impatient.delivery(box, "dead");
    expect(dead).toMatchObject({ reason: "http_503", status: 503 });
    const tried = receiver.received.length;
    expect(dead.attempts).toBe(tried);
    expect(tried).toBeGreaterThanOrEqual(2);
    expect(Date.parse(dead.ended_at!) - Date.parse(dead.created_at)).toBeGreaterThanOrEqual(SHORT.giveUpMs);
    receiver.answer = answerWith(204);
    const { http } = impatient.postern;
    await http.send("POST", `/v1/webhooks/${webhook.id}/deliveries/${dead.id}/replay`, null);
    const received = await receiver.until(tried + 1);
    expect(await impatient.delivery(box, "delivered")).toMatchObject({ id: dead.id, attempts: 1 });
    expect(new Set(received.map(({ headers, body }) => `${headers["webhook-id"]} ${body}`)).size).toBe(1);
    // What has arrived may be had again.
    await http.send("POST", `/v1/mailboxes/${box.id}/deliveries/${dead.id}/replay`, null);
    expect((await receiver.until(tried + 2)).at(-1)!.headers["webhook-id"]).toBe(dead.id);
    const { items } = await http.get<{ items: { id: string }[] }>(`/v1/mailboxes/${box.id}/decisions`);
    const explained = await http.get<{ deliveries: { id: string }[]; audit: { leaf: string }[] }>(`/v1/decisions/${items[0]!.id}/explain`);
    expect(explained.deliveries).toMatchObject([{ id: dead.id }]);
    expect(explained.audit.map(({ leaf }) => (JSON.parse(leaf) as { action: string }).action)).toEqual([
      "decision",
      "dispatch.dead",
      "dispatch.replayed",
      "dispatch.replayed",
    ]);
  });

  it("a receiver that says it is gone is asked no more", async () => {
    const { box, receiver } = await world.hooked();
    receiver.answer = answerWith(410);
    await world.mail(box);
    expect(await world.delivery(box, "dead")).toMatchObject({ reason: "http_410", attempts: 1 });
    expect(receiver.received).toHaveLength(1);
  });

  it("what was taken away since holds: a channel taken off, a webhook deleted", async () => {
    for (const takeAway of [
      (box: { id: string; address: string }) => world.setChannels(box, []),
      (_: unknown, webhook: { id: string }) => world.postern.http.remove(`/v1/webhooks/${webhook.id}`),
    ]) {
      const { box, receiver, webhook } = await world.hooked();
      receiver.answer = answerWith(500);
      await world.mail(box);
      await receiver.until(1);
      await takeAway(box, webhook);
      const seen = await world.delivery(box, "dead");
      expect(seen.reason).toBe("channel_removed");
    }
  });

  it("X-27 nothing is delivered while the mailbox is stopped, and after that it is", async () => {
    const { box, receiver } = await world.hooked();
    await world.postern.http.send("POST", `/v1/mailboxes/${box.id}/stop`, null);
    await world.mail(box);
    await world.delivery(box, "pending", "stopped");
    expect(receiver.received).toEqual([]);
    await world.postern.http.send("POST", `/v1/mailboxes/${box.id}/start`, null);
    await receiver.until(1);
  });

  it("a host that leads inside by the time of the delivery is not connected to", async () => {
    let inside = false;
    const lookup = async (): Promise<string[]> => (inside ? ["127.0.0.1"] : ["93.184.215.14"]);
    const rebound = await ChannelWorld.open({ env: { POSTERN_WEBHOOK_ALLOW: "" }, serve: { dispatching: SHORT, lookup } });
    try {
      const [box, receiver] = [await rebound.mailbox(), await rebound.receiver()];
      const port = new URL(receiver.url).port;
      const webhook = await rebound.webhook(`https://rebound.example:${port}/`);
      await rebound.setChannels(box, [{ kind: "webhook", webhook_id: webhook.id }]);
      inside = true;
      await rebound.mail(box);
      expect(await rebound.delivery(box, "dead")).toMatchObject({ reason: "address_refused", status: null });
    } finally {
      await rebound.close();
    }
  });
});

it("DESIGN §9.10 neither logs nor the dispatch's history hold mail, secrets or the receiver's URL", async () => {
  const { box, receiver, webhook } = await world.hooked(ANYBODY);
  receiver.answer = answerWith(500);
  await world.mail(box, { subject: "canary-subject", text: "canary-text" });
  const [received] = await receiver.until(2);
  const history = JSON.stringify(
    await world.temporal.workflow.getHandle(`dsp-${(received as Received).headers["webhook-id"]!.slice(4)}`).fetchHistory(),
  );
  const payloads = [...history.matchAll(/"data":\s*(\[[\d,]*\]|"[^"]*")/g)].map(([text]) => text).join();
  for (const kept of [history, payloads, world.postern.logs.join("\n")]) {
    for (const secret of ["canary-", webhook.secret, webhook.secret.slice(6), receiver.url]) expect(kept).not.toContain(secret);
  }
  receiver.answer = answerWith(204);
});
