import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { verifyWebhook } from "../../src/client-webhook.ts";
import { answerWith, open, Receiver } from "../channels/receiver.ts";
import { startRig, type Answer, type Rig } from "./rig.ts";

let rig: Rig;
let receiver: Receiver;
beforeAll(async () => {
  [rig, receiver] = await Promise.all([startRig(), Receiver.start()]);
  // Receivers check the time stamp.
  rig.now = Date.now();
});
afterAll(() => Promise.all([rig.stop(), receiver.close()]));
beforeEach(() => {
  rig.hosts = { "hooks.internal": ["127.0.0.1"], "agent.example.com": ["93.184.215.14"] };
  rig.now += 60_000;
  receiver.received.length = 0;
  receiver.answer = answerWith(204);
});

/** On loopback, under the name that the rig's operator lets in. */
const inside = (url: string): string => url.replace("127.0.0.1", "hooks.internal");

async function hook(url = inside(receiver.url), key?: string): Promise<{ id: string; secret: string }> {
  return (await rig.call("POST", "/v1/webhooks", { body: { url }, ...(key === undefined ? {} : { key }) })).body as never;
}

function test(id: string, key?: string): Promise<Answer> {
  return rig.call("POST", `/v1/webhooks/${id}/test`, key === undefined ? {} : { key });
}

it("MB-15 a test event is signed like a delivery, and what the receiver answers is told by its status alone", async () => {
  const { id, secret } = await hook();
  receiver.answer = (response) => void response.writeHead(202).end("a word of the receiver's");
  const tested = await test(id);
  expect(tested).toMatchObject({ status: 200, body: { delivered: true, status: 202, reason: null } });
  expect(tested.text).not.toContain("word");
  const [received] = receiver.received;
  expect(open(secret, received!)).toEqual({ type: "webhook.test", timestamp: new Date(rig.now).toISOString(), data: { webhook_id: id } });
  expect(received!.headers["webhook-id"]).toMatch(/^evt_/);
});

it("a receiver that uses the client's check answers it, and nothing is done", async () => {
  const { id, secret } = await hook();
  await test(id);
  const [received] = receiver.received;
  const given = { headers: received!.headers, body: received!.body };
  expect(await verifyWebhook({ secrets: secret }, given)).toEqual({ ok: false, code: "test" });
  expect(await verifyWebhook({ secrets: secret }, { ...given, body: given.body.replace(id, "whk_other") })).toMatchObject({
    code: "bad_signature",
  });
});

it("PB-14 it is signed with every secret that is good, and with no other", async () => {
  const { id, secret } = await hook();
  const { secret: next } = (await rig.call("POST", `/v1/webhooks/${id}/rotate`, { body: { grace_s: 60 } })).body as { secret: string };
  await test(id);
  for (const good of [secret, next]) expect(() => open(good, receiver.received[0]!)).not.toThrow();
  rig.now += 60_000;
  await test(id);
  expect(() => open(secret, receiver.received[1]!)).toThrow("No matching signature");
});

it("a receiver that refuses, or is not there, is told by kind", async () => {
  const { id } = await hook();
  receiver.answer = answerWith(500);
  expect((await test(id)).body).toEqual({ delivered: false, status: 500, reason: "http_500" });
  receiver.answer = answerWith(302, { location: "http://127.0.0.1:1/" });
  expect((await test(id)).body).toEqual({ delivered: false, status: 302, reason: "http_302" });
  expect(receiver.received).toHaveLength(2);
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const gone = await hook(`http://hooks.internal:${port}/`);
  expect((await test(gone.id)).body).toEqual({ delivered: false, status: null, reason: "connection_failed" });
});

it("leads inside as little as a delivery, also when the name does so by now", async () => {
  const { id } = await hook("https://agent.example.com/mail");
  const tested = createServer(() => expect.fail("it was connected to"));
  onTestFinished(() => void tested.close());
  await new Promise<void>((resolve) => tested.listen(0, "127.0.0.1", resolve));
  rig.hosts = { "agent.example.com": ["127.0.0.1"] };
  expect((await test(id)).body).toEqual({ delivered: false, status: null, reason: "address_refused" });
  rig.hosts = {};
  expect((await test(id)).body).toEqual({ delivered: false, status: null, reason: "name_not_found" });
});

it("MB-18 it is an admin's, of the same tenant, whose key sees all of it", async () => {
  const { id } = await hook();
  const { id: mailbox } = await rig.mailbox();
  const { key } = await rig.tenantKey("tests elsewhere");
  expect((await test(id, key)).status).toBe(404);
  expect((await test(id, await rig.key(["oversight"]))).status).toBe(403);
  expect((await test(id, await rig.key(["admin"], [mailbox]))).status).toBe(403);
  expect(receiver.received).toEqual([]);
});

it("twenty a minute are sent for a tenant, whichever the webhook", async () => {
  const [one, other] = [await hook(), await hook()];
  for (let count = 0; count < 10; count += 1) {
    expect((await test(one.id)).status).toBe(200);
    expect((await test(other.id)).status).toBe(200);
  }
  const refused = await test(one.id);
  expect(refused).toMatchObject({ status: 429, body: { code: "too_many_requests", fix: expect.any(String) as string } });
  expect(receiver.received).toHaveLength(20);
  rig.now += 60_000;
  expect((await test(one.id)).status).toBe(200);
});
