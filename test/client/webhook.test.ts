import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { createSeen, verifyWebhook } from "../../src/client-webhook.ts";

const SECRET = `whsec_${randomBytes(24).toString("base64")}`;
const OTHER = `whsec_${randomBytes(24).toString("base64")}`;
const BODY = JSON.stringify({ type: "message.created", timestamp: "2026-11-21T10:00:00.000Z", data: { message_id: "msg_1" } });

function request({
  secret = SECRET,
  id = "evt_1",
  at = Date.now(),
  body = BODY,
}: { secret?: string; id?: string; at?: number; body?: string } = {}) {
  const timestamp = new Date(at);
  const signature = new Webhook(secret).sign(id, timestamp, body);
  return { headers: { "Webhook-Id": id, "webhook-timestamp": String(Math.floor(at / 1000)), "webhook-signature": signature }, body };
}

describe("MH-04 a webhook's receiver", () => {
  it("takes what is signed by any of its secrets, from text, bytes and Fetch headers", async () => {
    const event = { id: "evt_1", type: "message.created", timestamp: "2026-11-21T10:00:00.000Z", data: { message_id: "msg_1" } };
    expect(await verifyWebhook({ secrets: SECRET }, request())).toEqual({ ok: true, event });
    expect(await verifyWebhook({ secrets: [OTHER, SECRET] }, request())).toEqual({ ok: true, event });
    const { headers, body } = request();
    expect(await verifyWebhook({ secrets: SECRET }, { headers: new Headers(headers), body: Buffer.from(body) })).toEqual({
      ok: true,
      event,
    });
  });

  it.each([
    ["another secret's signature", request({ secret: OTHER }), "bad_signature"],
    ["a changed body", { ...request(), body: BODY.replace("msg_1", "msg_2") }, "bad_signature"],
    ["another delivery's id", { ...request(), headers: { ...request().headers, "Webhook-Id": "evt_2" } }, "bad_signature"],
    ["a time stamp 301 s ago", request({ at: Date.now() - 301_000 }), "stale"],
    ["a time stamp 301 s ahead", request({ at: Date.now() + 302_000 }), "stale"],
    ["no signature at all", { headers: {}, body: BODY }, "malformed"],
    ["a body that is no text", { ...request(), body: Buffer.from([0xff, 0xfe]) }, "malformed"],
    ["a signed body that is no event", request({ body: "[]" }), "malformed"],
    [
      "a signed body of another kind",
      request({ body: '{"type":"message.deleted","timestamp":"","data":{"message_id":"m"}}' }),
      "malformed",
    ],
  ])("%s has no effect", async (_, given, code) => {
    const seen = createSeen();
    expect(await verifyWebhook({ secrets: SECRET, seen }, given)).toEqual({ ok: false, code });
    // Nothing was remembered of it.
    expect(await verifyWebhook({ secrets: SECRET, seen }, request())).toMatchObject({ ok: true });
  });

  it("a repeated delivery id has no effect, unless the first attempt was given back", async () => {
    const seen = createSeen();
    const options = { secrets: SECRET, seen };
    expect(await verifyWebhook(options, request())).toMatchObject({ ok: true });
    expect(await verifyWebhook(options, request({ at: Date.now() - 60_000 }))).toEqual({ ok: false, code: "repeated" });
    await seen.forget("evt_1");
    expect(await verifyWebhook(options, request())).toMatchObject({ ok: true });
  });

  it("says so when a secret is none", async () => {
    await expect(verifyWebhook({ secrets: "" }, request())).rejects.toThrow();
  });
});
